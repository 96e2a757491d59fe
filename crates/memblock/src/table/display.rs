//! A table as text.

use core::fmt;

use super::RegionTable;
use crate::{Region, RegionFlags};

/// The format of `/sys/kernel/debug/memblock/*` (6.12): number, first and last byte, node or `x`, attributes.
///
/// Linux prints only the attribute with the lowest bit. This prints all of them, joined by `|`, with unnamed
/// bits as a number.
///
/// ```
/// use memblock::{NodeId, PhysRange, Region, RegionFlags, RegionTable};
/// let mut table = RegionTable::new();
/// table.add(Region { node: NodeId::new(0), ..Region::plain(PhysRange::new(0x4000_0000, 0x5000_0000)?) })?;
/// table.add(Region { flags: RegionFlags::NOMAP, ..Region::plain(PhysRange::new(0x6000_0000, 0x7000_0000)?) })?;
/// assert_eq!(
///     table.to_string(),
///     "   0: 0x0000000040000000..0x000000004fffffff    0 NONE\n   \
///         1: 0x0000000060000000..0x000000006fffffff    x NOMAP\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl fmt::Display for RegionTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(number, region)| writeln!(f, "{number:4}: {}", Row(region)))
    }
}

impl fmt::Debug for RegionTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} regions, {:#x} bytes", self.len(), self.total_size())?;
        fmt::Display::fmt(self, f)
    }
}

struct Row(Region);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region { range, node, flags } = self.0;
        write!(f, "{:#018x}..{:#018x} ", range.start(), range.last())?;
        match node {
            Some(node) => write!(f, "{:4} ", node.get())?,
            None => write!(f, "   x ")?,
        }
        Names(flags).fmt(f)
    }
}

struct Names(RegionFlags);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("NONE");
        }
        let named = RegionFlags::SHORT_NAMES.into_iter().filter(|(flag, _)| self.0.contains(*flag));
        let mut separator = "";
        for (_, name) in named {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        let unnamed =
            RegionFlags::SHORT_NAMES.into_iter().fold(self.0, |left, (flag, _)| left.difference(flag));
        if unnamed.is_empty() { Ok(()) } else { write!(f, "{separator}{:#x}", unnamed.bits()) }
    }
}
