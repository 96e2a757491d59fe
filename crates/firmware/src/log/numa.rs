//! The NUMA ranges that a kernel prints: those of the SRAT, and those for the page allocator.

use memblock::{NodeId, PhysRange};

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};

/// One memory range of the SRAT that Linux accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SratLine {
    /// 1-based line number.
    pub line: usize,
    /// Linux's number for the node.
    pub node: NodeId,
    /// The firmware's number, the proximity domain.
    pub proximity_domain: u32,
    /// The addresses.
    pub range: PhysRange,
    /// The hot-pluggable bit of the entry.
    pub hotplug: bool,
    /// The non-volatile bit of the entry.
    pub non_volatile: bool,
}

/// The memory ranges of the SRAT in a kernel log.
///
/// Source: `drivers/acpi/numa/srat.c:acpi_numa_memory_affinity_init`.
///
/// ```
/// let text = b"[    0.0] ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x67fffffff] hotplug\n";
/// let line = firmware::log::srat(text).next().unwrap()?;
/// assert!(line.hotplug && !line.non_volatile);
/// assert_eq!((line.node.get(), line.range.start()), (1, 0x1_0000_0000));
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn srat(text: &[u8]) -> SratLines<'_> {
    SratLines { lines: lines(text) }
}

/// Iterator over the SRAT lines of a kernel log, from [`srat`].
#[derive(Clone, Debug)]
pub struct SratLines<'a> {
    lines: Lines<'a>,
}

impl Iterator for SratLines<'_> {
    type Item = Result<SratLine, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|(line, message)| read_srat(line, message).transpose())
    }
}

fn node(cursor: &mut Cursor<'_>) -> Result<NodeId, LogError> {
    NodeId::new(cursor.decimal()?).ok_or_else(|| cursor.malformed("a node number"))
}

fn read_srat(line: usize, message: &[u8]) -> Result<Option<SratLine>, LogError> {
    let mut cursor = Cursor::new(message, line, "SRAT memory range");
    cursor.skip_blanks();
    if !cursor.skip("ACPI: SRAT: Node ") && !cursor.skip("SRAT: Node ") {
        return Ok(None);
    }
    let node = node(&mut cursor)?;
    cursor.expect(" PXM ")?;
    let proximity_domain = cursor.decimal()?;
    cursor.expect(" ")?;
    if cursor.rest().first().is_some_and(u8::is_ascii_hexdigit) {
        let range = read_old_bounds(&mut cursor)?;
        return Ok(Some(SratLine {
            line,
            node,
            proximity_domain,
            range,
            hotplug: false,
            non_volatile: false,
        }));
    }
    cursor.expect("[mem ")?;
    let bounds = cursor.bounds()?;
    cursor.expect("]")?;
    let hotplug = cursor.skip(" hotplug");
    let non_volatile = cursor.skip(" non-volatile");
    cursor.end()?;
    let range = cursor.range(bounds)?;
    Ok(Some(SratLine { line, node, proximity_domain, range, hotplug, non_volatile }))
}

/// `0-a0000`, of kernels before 3.5: the second address is excluded. The very first kernels with an SRAT
/// (2.6.9 to 2.6.12) print the last byte instead, which shows, because memory is counted in pages.
fn read_old_bounds(cursor: &mut Cursor<'_>) -> Result<PhysRange, LogError> {
    let start = cursor.long_bare_hex()?;
    cursor.expect("-")?;
    let end = cursor.long_bare_hex()?;
    cursor.end()?;
    if end & 0xfff == 0xfff { cursor.range((start, end)) } else { cursor.half_open((start, end)) }
}

/// One range of a node for the page allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EarlyNodeRange {
    /// 1-based line number.
    pub line: usize,
    /// The node.
    pub node: NodeId,
    /// The addresses, whole pages.
    pub range: PhysRange,
}

/// The lines below `Early memory node ranges` in a kernel log: `memblock.memory` by node when zones are set
/// up.
///
/// Source: `mm/mm_init.c:free_area_init`.
///
/// ```
/// let text = b"[    0.0] Early memory node ranges\n[    0.0]   node   0: [mem 0x1000-0x9efff]\n";
/// let range = firmware::log::early_node_ranges(text).next().unwrap()?;
/// assert_eq!((range.line, range.range.end()), (2, 0x9f000));
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn early_node_ranges(text: &[u8]) -> EarlyNodeRanges<'_> {
    EarlyNodeRanges { lines: lines(text) }
}

/// Iterator over the early node ranges of a kernel log, from [`early_node_ranges`].
#[derive(Clone, Debug)]
pub struct EarlyNodeRanges<'a> {
    lines: Lines<'a>,
}

impl Iterator for EarlyNodeRanges<'_> {
    type Item = Result<EarlyNodeRange, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|(line, message)| read_early(line, message).transpose())
    }
}

/// `    0: 0x00000010 -> 0x0000009e`, or with decimal numbers: page frames of 4 KiB, the second excluded, as kernels
/// before 3.5 print them below `early_node_map[3] active PFN ranges`. Not an error if it is another message.
fn read_page_frames(line: usize, message: &[u8]) -> Option<EarlyNodeRange> {
    let mut cursor = Cursor::new(message, line, "early memory node range");
    if !cursor.skip("  ") {
        return None;
    }
    cursor.skip_blanks();
    let node = node(&mut cursor).ok()?;
    cursor.expect(": ").ok()?;
    let frame = |cursor: &mut Cursor<'_>| {
        cursor.skip_blanks();
        let is_hex = cursor.rest().starts_with(b"0x");
        let frame = if is_hex { cursor.hex() } else { cursor.long_decimal() };
        frame.ok()?.checked_mul(4096)
    };
    let start = frame(&mut cursor)?;
    cursor.expect(" -> ").ok()?;
    let end = frame(&mut cursor)?;
    cursor.end().ok()?;
    Some(EarlyNodeRange { line, node, range: PhysRange::new(start, end).ok()? })
}

fn read_early(line: usize, message: &[u8]) -> Result<Option<EarlyNodeRange>, LogError> {
    let mut cursor = Cursor::new(message, line, "early memory node range");
    // The number is padded to three places. No other kernel message starts with two spaces and this.
    if !cursor.skip("  node ") {
        return Ok(read_page_frames(line, message));
    }
    cursor.skip_blanks();
    let node = node(&mut cursor)?;
    cursor.expect(": [mem ")?;
    let bounds = cursor.bounds()?;
    cursor.expect("]")?;
    cursor.end()?;
    Ok(Some(EarlyNodeRange { line, node, range: cursor.range(bounds)? }))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn other_srat_lines_are_not_mistaken_for_memory_ranges() {
        let text = b"\
ACPI: SRAT 0x000000007FFE226D 000118 (v01 BOCHS  BXPC     00000001 BXPC 00000001)
ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]
ACPI: SRAT: Node 1 PXM 17 [mem 0x200000000-0x2ffffffff] hotplug non-volatile
";
        let seen: Vec<_> = srat(text).map(Result::unwrap).collect();
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].line, seen[0].hotplug, seen[0].non_volatile), (2, false, false));
        assert_eq!((seen[1].proximity_domain, seen[1].hotplug, seen[1].non_volatile), (17, true, true));
    }

    #[test]
    fn old_kernels_exclude_the_second_address_of_a_srat_range() {
        let text = b"SRAT: Node 0 PXM 0 0-a0000\nSRAT: Node 1 PXM 1 40000000-7fffffff\n";
        let ends: Vec<_> = srat(text).map(|line| line.unwrap().range.end()).collect();
        assert_eq!(ends, [0xa_0000, 0x8000_0000]);
    }

    #[test]
    fn unknown_words_after_a_srat_range_are_an_error() {
        let error = srat(b"ACPI: SRAT: Node 0 PXM 0 [mem 0x0-0xfff] surprise").next().unwrap().unwrap_err();
        assert_eq!(
            error,
            LogError::Malformed { line: 1, what: "SRAT memory range", expected: "end of line" }
        );
    }

    #[test]
    fn page_frames_of_old_kernels_are_read_in_both_forms() {
        let text = b"[    0.0]     0: 0x00000010 -> 0x0000009e\n    1:   1048576 -> 1179648\n  1: 2 -> x\n";
        let seen: Vec<_> = early_node_ranges(text).map(|range| range.unwrap().range).collect();
        assert_eq!((seen[0].start(), seen[0].end()), (0x1_0000, 0x9_e000));
        assert_eq!((seen[1].start(), seen.len()), (1 << 32, 2));
    }

    #[test]
    fn three_digit_node_numbers_are_read() {
        let text = b"[    0.0]   node 123: [mem 0x0000000000001000-0x0000000000001fff]";
        assert_eq!(early_node_ranges(text).next().unwrap().unwrap().node.get(), 123);
    }
}
