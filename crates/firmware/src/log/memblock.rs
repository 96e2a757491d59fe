//! The dumps that a kernel prints with `memblock=debug`.

use memblock::{NodeId, PhysRange, RegionFlags};

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};

/// One of memblock's region tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemblockList {
    /// `memory`: the memory there is.
    Memory,
    /// `reserved`: the memory in use.
    Reserved,
    /// `physmem`: the memory before any limit; s390 only.
    Physmem,
}

/// One region of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemblockRegion {
    /// 1-based line number.
    pub line: usize,
    /// Number of the dump in the log, from 1; 0 if the log starts inside a dump.
    pub dump: usize,
    /// The table.
    pub list: MemblockList,
    /// Position in the table, from 0.
    pub index: u64,
    /// The addresses.
    pub range: PhysRange,
    /// The node, if the region has one.
    pub node: Option<NodeId>,
    /// The region's attributes.
    pub flags: RegionFlags,
}

/// One line of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemblockLine {
    /// `MEMBLOCK configuration:`, the start of a dump.
    Start {
        /// 1-based line number.
        line: usize,
        /// Number of the dump in the log, from 1.
        dump: usize,
    },
    /// ` memory size = … reserved size = …`. Linux does not update the first number when it trims regions to
    /// pages, so it may be larger than the sum of the regions.
    Sizes {
        /// 1-based line number.
        line: usize,
        /// Bytes of memory.
        memory: u64,
        /// Bytes reserved.
        reserved: u64,
    },
    /// ` memory.cnt  = …`, the number of regions of a table that follow.
    Count {
        /// 1-based line number.
        line: usize,
        /// The table.
        list: MemblockList,
        /// Number of regions.
        count: u64,
    },
    /// One region.
    Region(MemblockRegion),
}

impl MemblockLine {
    /// The 1-based line number.
    pub const fn line(&self) -> usize {
        match *self {
            Self::Start { line, .. } | Self::Sizes { line, .. } | Self::Count { line, .. } => line,
            Self::Region(region) => region.line,
        }
    }
}

/// The memblock dumps in a kernel log.
///
/// Source: `mm/memblock.c:__memblock_dump_all` and `memblock_dump`.
///
/// ```
/// use firmware::log::{MemblockLine, MemblockList};
///
/// let text = b"\
/// [    0.0] MEMBLOCK configuration:
/// [    0.0]  memory size = 0x40000000 reserved size = 0xc35000
/// [    0.0]  memory.cnt  = 0x1
/// [    0.0]  memory[0x0]\t[0x40000000-0x7fffffff], 0x40000000 bytes on node 0 flags: 0x0
/// ";
/// let Some(MemblockLine::Region(region)) = firmware::log::memblock(text).nth(3).transpose()? else {
///     panic!("the fourth line is a region");
/// };
/// assert_eq!((region.dump, region.list), (1, MemblockList::Memory));
/// assert_eq!(region.range.size(), 0x4000_0000);
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn memblock(text: &[u8]) -> MemblockLines<'_> {
    MemblockLines { lines: lines(text), dump: 0 }
}

/// Iterator over the lines of memblock dumps, from [`memblock()`].
#[derive(Clone, Debug)]
pub struct MemblockLines<'a> {
    lines: Lines<'a>,
    dump: usize,
}

impl<'a> MemblockLines<'a> {
    /// Only the regions.
    pub fn regions(self) -> impl Iterator<Item = Result<MemblockRegion, LogError>> + 'a {
        self.filter_map(|line| match line {
            Ok(MemblockLine::Region(region)) => Some(Ok(region)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

impl Iterator for MemblockLines<'_> {
    type Item = Result<MemblockLine, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { lines, dump } = self;
        lines.find_map(|(line, message)| read(line, message, dump).transpose())
    }
}

const LISTS: [(&str, MemblockList); 3] = [
    (" memory", MemblockList::Memory),
    (" reserved", MemblockList::Reserved),
    (" physmem", MemblockList::Physmem),
];

fn read(line: usize, message: &[u8], dump: &mut usize) -> Result<Option<MemblockLine>, LogError> {
    let mut cursor = Cursor::new(message, line, "memblock dump");
    if cursor.skip("MEMBLOCK configuration:") {
        *dump = dump.saturating_add(1);
        return Ok(Some(MemblockLine::Start { line, dump: *dump }));
    }
    let Some((_, list)) = LISTS.into_iter().find(|(name, _)| cursor.skip(name)) else {
        return Ok(None);
    };
    if cursor.skip(" size = ") {
        let memory = cursor.hex()?;
        cursor.expect(" reserved size = ")?;
        let reserved = cursor.hex()?;
        cursor.end()?;
        return Ok(Some(MemblockLine::Sizes { line, memory, reserved }));
    }
    if cursor.skip(".cnt  = ") {
        let count = cursor.hex()?;
        cursor.end()?;
        return Ok(Some(MemblockLine::Count { line, list, count }));
    }
    if !cursor.skip("[0x") {
        return Ok(None);
    }
    region(&mut Cursor::new(message, line, "memblock region"), line, list, *dump).map(Some)
}

fn region(
    cursor: &mut Cursor<'_>,
    line: usize,
    list: MemblockList,
    dump: usize,
) -> Result<MemblockLine, LogError> {
    cursor.until(b'[', "[")?;
    let index = cursor.hex()?;
    cursor.expect("]\t[")?;
    let (first, end) = cursor.bounds()?;
    cursor.expect("], ")?;
    let size = cursor.hex()?;
    cursor.expect(" bytes")?;
    let node = if cursor.skip(" on node ") {
        Some(NodeId::new(cursor.decimal()?).ok_or_else(|| cursor.malformed("a node number"))?)
    } else {
        None
    };
    cursor.expect(" flags: ")?;
    let flags = u32::try_from(cursor.hex()?).map_err(|_| cursor.malformed("flags of at most 32 bits"))?;
    cursor.end()?;
    // An empty table has one dummy region of size 0, and its last byte wraps. So use the size.
    let range = cursor.sized_range(first, size)?;
    if range.last() != end {
        return Err(cursor.malformed("a size that fits first and last byte"));
    }
    let flags = RegionFlags::from_bits_retain(flags);
    Ok(MemblockLine::Region(MemblockRegion { line, dump, list, index, range, node, flags }))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use memblock::RangeError;

    use super::*;

    const DUMPS: &[u8] = b"\
MEMBLOCK configuration:
 memory size = 0x7ff7ec00 reserved size = 0x3b93000
 memory.cnt  = 0x1
 memory[0x0]\t[0x0000000000001000-0x000000000009efff], 0x000000000009e000 bytes flags: 0x0
 reserved.cnt  = 0x1
 reserved[0x0]\t[0x0000000000000000-0x000000000000ffff], 0x0000000000010000 bytes on node 0 flags: 0x20
MEMBLOCK configuration:
 memory[0x0]\t[0x0000000100000000-0x000000013fffffff], 0x0000000040000000 bytes on node 1 flags: 0x1
";

    #[test]
    fn regions_have_their_dump_table_node_and_flags() {
        let regions: Vec<_> = memblock(DUMPS).regions().map(Result::unwrap).collect();
        assert_eq!(regions.len(), 3);
        assert_eq!((regions[0].dump, regions[0].node), (1, None));
        assert_eq!((regions[1].list, regions[1].flags), (MemblockList::Reserved, RegionFlags::RSRV_KERN));
        assert_eq!((regions[2].dump, regions[2].flags), (2, RegionFlags::HOTPLUG));
        assert_eq!(regions[2].node.unwrap().get(), 1);
    }

    #[test]
    fn counts_and_sizes_are_returned_as_printed() {
        let lines: Vec<_> = memblock(DUMPS).map(Result::unwrap).collect();
        assert_eq!(lines[1], MemblockLine::Sizes { line: 2, memory: 0x7ff7_ec00, reserved: 0x3b9_3000 });
        assert_eq!(lines[4], MemblockLine::Count { line: 5, list: MemblockList::Reserved, count: 1 });
    }

    #[test]
    fn the_dummy_region_of_an_empty_table_is_reported_as_empty() {
        let text =
            b" reserved[0x0]\t[0x0000000000000000-0xffffffffffffffff], 0x0000000000000000 bytes flags: 0x0";
        let error = memblock(text).next().unwrap().unwrap_err();
        assert!(matches!(error, LogError::Range { source: RangeError::Empty { start: 0 }, .. }));
    }

    #[test]
    fn a_size_that_disagrees_with_the_bounds_is_an_error() {
        for size in ["0xfff", "0x2000"] {
            let text = std::format!(" memory[0x0]\t[0x1000-0x1fff], {size} bytes flags: 0x0");
            assert!(matches!(memblock(text.as_bytes()).next().unwrap(), Err(LogError::Malformed { .. })));
        }
    }
}
