//! The addresses devices can reach, from `dma-ranges` in the device tree.

use firmware::fdt::{Fdt, Node};

/// One entry of `dma-ranges`: where a window of a bus's addresses lies in its parent bus's addresses.
#[derive(Clone, Copy, Debug)]
struct Window {
    child: u64,
    parent: u64,
    size: u64,
}

/// A bus on the path from the root to a node.
struct Bus {
    address_cells: usize,
    windows: Vec<Window>,
    is_in_use: bool,
}

/// The last address that every bus with `dma-ranges` reaches; `None` if none is limited
/// (drivers/of/address.c:of_dma_get_max_cpu_address, 6.12).
pub(super) fn of(tree: &Fdt<'_>) -> Option<u64> {
    let mut way: Vec<Bus> = Vec::new();
    let mut lowest: Option<u64> = None;
    for (depth, node) in tree.nodes() {
        way.truncate(depth);
        let above = way.last();
        let is_in_use = above.is_none_or(|bus| bus.is_in_use) && (depth == 0 || node.is_available());
        let windows = windows(&node, above.map_or(2, |bus| bus.address_cells));
        if is_in_use && !windows.is_empty() {
            let last = windows.iter().filter_map(|window| last_of(window, &way)).max();
            lowest = lowest.into_iter().chain(last).min();
        }
        way.push(Bus { address_cells: cells(&node, b"#address-cells", 2), windows, is_in_use });
    }
    lowest
}

/// Before 6.12 the limit was a number of address bits, at most 32, or more if memory starts above that
/// (arch/arm64/mm/init.c:max_zone_phys, 6.11). Returns the last address.
pub(super) fn in_bits(said: Option<u64>, start: u64) -> u64 {
    let last_of_32 = u64::from(u32::MAX);
    let bits = said.unwrap_or(u64::MAX).checked_ilog2().map_or(0, |top| top.saturating_add(1)).min(32);
    let mask = 1u64.checked_shl(bits).unwrap_or(0).saturating_sub(1);
    if start > last_of_32 {
        u64::MAX
    } else if start > mask {
        last_of_32
    } else {
        mask
    }
}

/// The last byte of a window, as a CPU address.
fn last_of(window: &Window, way: &[Bus]) -> Option<u64> {
    let mut address = window.parent;
    // Addresses at the root are CPU addresses; a bus without `dma-ranges` passes addresses through.
    for bus in way.iter().skip(1).rev().filter(|bus| !bus.windows.is_empty()) {
        let piece =
            bus.windows.iter().find(|w| address.checked_sub(w.child).is_some_and(|at| at < w.size))?;
        address = address.checked_sub(piece.child)?.checked_add(piece.parent)?;
    }
    address.checked_add(window.size.checked_sub(1)?)
}

fn cells(node: &Node<'_>, name: &[u8], by_default: usize) -> usize {
    let given = node.property(name).and_then(|property| property.cell());
    given.and_then(|cells| usize::try_from(cells).ok()).unwrap_or(by_default)
}

fn windows(node: &Node<'_>, parent_cells: usize) -> Vec<Window> {
    let Some(ranges) = node.property(b"dma-ranges") else { return Vec::new() };
    let child_cells = cells(node, b"#address-cells", 2);
    let size_cells = cells(node, b"#size-cells", 1);
    let words: Vec<u32> = ranges.cells().collect();
    let entry = child_cells.saturating_add(parent_cells).saturating_add(size_cells);
    if entry == 0 || child_cells > 3 || parent_cells > 3 || size_cells > 2 {
        return Vec::new();
    }
    words
        .chunks_exact(entry)
        .filter_map(|words| {
            let (child, rest) = words.split_at_checked(child_cells)?;
            let (parent, size) = rest.split_at_checked(parent_cells)?;
            Some(Window { child: number(child), parent: number(parent), size: number(size) })
        })
        .collect()
}

/// The lower two cells: the first cell of a PCI address selects an address space.
fn number(cells: &[u32]) -> u64 {
    cells.iter().rev().take(2).rev().fold(0, |value, cell| value << 32 | u64::from(*cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::arm64::tests::{Part, tree};
    use Part::{Cells, End, Node, Text};

    fn limit(parts: &[Part<'_>]) -> Option<u64> {
        of(&Fdt::new(&tree(parts)).unwrap())
    }

    /// A bus with one-cell addresses, which start `at` in its parent's addresses.
    fn bus<'a>(name: &'a str, ranges: &'a [u32]) -> [Part<'a>; 4] {
        [Node(name), Cells("#address-cells", &[1]), Cells("#size-cells", &[1]), Cells("dma-ranges", ranges)]
    }

    #[test]
    fn a_nested_bus_is_translated_through_its_parent() {
        // 0 to 256 MiB on bus b is at 1 GiB on bus a, whose first 2 GiB are at 2 GiB.
        let a = bus("a", &[0, 0, 0x8000_0000, 0x8000_0000]);
        let b = bus("b", &[0, 0x4000_0000, 0x1000_0000]);
        let parts: Vec<Part<'_>> = a.into_iter().chain(b).chain([End, End]).collect();
        assert_eq!(limit(&parts), Some(0xcfff_ffff));
    }

    #[test]
    fn the_enabled_bus_with_the_smallest_reach_sets_the_limit() {
        let wide = || bus("wide", &[0, 0, 0, 0x8000_0000]).into_iter().chain([End]);
        let narrow =
            |status| bus("narrow", &[0, 0, 0, 0x100_0000]).into_iter().chain([Text("status", status), End]);
        let both = |status| wide().chain(narrow(status)).collect::<Vec<_>>();
        assert_eq!(limit(&both("okay")), Some(0xff_ffff));
        assert_eq!(limit(&both("disabled")), Some(0x7fff_ffff));
        assert_eq!(limit(&[]), None);
    }

    #[test]
    fn an_empty_or_truncated_list_sets_no_limit() {
        for ranges in [&[][..], &[1, 2, 3]] {
            assert_eq!(limit(&bus("a", ranges).into_iter().chain([End]).collect::<Vec<_>>()), None);
        }
    }

    #[test]
    fn before_6_12_only_a_number_of_bits_counted() {
        assert_eq!(in_bits(Some(0x5fff_ffff), 0x4000_0000), 0x7fff_ffff);
        assert_eq!(in_bits(Some(0x3fff_ffff), 0x4000_0000), 0xffff_ffff, "memory begins above");
        assert_eq!(in_bits(None, 0x4000_0000), 0xffff_ffff);
        assert_eq!(in_bits(None, 1 << 33), u64::MAX);
    }
}
