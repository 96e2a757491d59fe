//! A memblock as text, as in the kernel log.

use core::fmt;

use super::{Memblock, TableKind};

/// The output of `memblock_dump_all` with the boot parameter `memblock=debug` (6.12), without the log's
/// timestamps. physmem is printed only if it has regions.
///
/// ```
/// use memblock::{Memblock, NodeId, PhysRange, Region};
/// let mut memblock = Memblock::new();
/// let node = NodeId::new(1);
/// memblock.add_node(Region { node, ..Region::plain(PhysRange::new(0x1000, 0x9f000)?) })?;
/// assert_eq!(
///     memblock.to_string(),
///     "MEMBLOCK configuration:
///  memory size = 0x000000000009e000 reserved size = 0x0000000000000000
///  memory.cnt  = 0x1
///  memory[0x0]\t[0x0000000000001000-0x000000000009efff], 0x000000000009e000 bytes on node 1 flags: 0x0
///  reserved.cnt  = 0x0
/// "
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl fmt::Display for Memblock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "MEMBLOCK configuration:")?;
        let (memory, reserved) = (self.memory_size(), self.reserved_size());
        writeln!(f, " memory size = {memory:#018x} reserved size = {reserved:#018x}")?;
        for kind in [TableKind::Memory, TableKind::Reserved, TableKind::Physmem] {
            let table = self.table(kind);
            if kind == TableKind::Physmem && table.is_empty() {
                break;
            }
            writeln!(f, " {kind}.cnt  = {:#x}", table.len())?;
            for (number, region) in table.iter().enumerate() {
                let range = region.range;
                write!(f, " {kind}[{number:#x}]\t[{:#018x}-{:#018x}]", range.start(), range.last())?;
                write!(f, ", {:#018x} bytes", range.size())?;
                region.node.map_or(Ok(()), |node| write!(f, " on node {node}"))?;
                writeln!(f, " flags: {:#x}", region.flags.bits())?;
            }
        }
        Ok(())
    }
}
