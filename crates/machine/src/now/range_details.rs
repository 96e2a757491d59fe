//! What blocks, zones and memblock say about one range, independent of its provider.

use memblock::{PhysRange, Region, RegionFlags};

use crate::now::memory_range::MemoryRange;
use crate::now::state::crash_cma;
use crate::range_set::RangeSet;
use evidence::snapshot::{BlockState, MemoryBlocks};
use evidence::zones::Zone;
use evidence::{Evidence, ResourceTree, State};

/// Fills in what depends only on a range's addresses: zones, blocks, state, flags, reservations.
#[derive(Clone, Debug)]
pub(crate) struct RangeDetails<'a> {
    blocks: Option<&'a MemoryBlocks>,
    zones: &'a [Zone],
    page_size: u64,
    /// The union of all zone spans.
    spans: RangeSet,
    /// `memblock.memory`, ascending; `None` if not available.
    memblock: Option<Vec<Region>>,
    /// `memblock.reserved`; empty if not available.
    reserved: RangeSet,
    crash_kernel: RangeSet,
    crash_cma: RangeSet,
}

impl<'a> RangeDetails<'a> {
    /// O(n log n): everything needed for all ranges is read once.
    pub(crate) fn new(evidence: &'a Evidence, page_size: u64) -> Self {
        let zones = evidence.zones.read().map_or(&[][..], Vec::as_slice);
        let memblock = evidence.memblock_memory.read().map(|table| {
            let mut regions = table.regions.clone();
            regions.sort_unstable_by_key(|region| region.range);
            regions
        });
        let spans = zones.iter().filter_map(|zone| zone.span(page_size)).collect();
        let reserved = evidence.memblock_reserved.read().into_iter().flat_map(|table| &table.regions);
        let reserved = reserved.map(|region| region.range).collect();
        let all = evidence.resources.read().into_iter().flat_map(ResourceTree::resources);
        let crash_kernel = all.filter(|r| r.name == "Crash kernel").filter_map(|r| r.range().ok()).collect();
        let crash_cma = crash_cma(evidence).into_iter().collect();
        let blocks = evidence.blocks.read();
        Self { blocks, zones, page_size, spans, memblock, reserved, crash_kernel, crash_cma }
    }

    /// The range with its address-dependent details filled in; the provider is unchanged.
    pub(crate) fn fill(&self, memory: MemoryRange) -> MemoryRange {
        let range = memory.range;
        MemoryRange {
            zones: self.zones(range, memory.node),
            blocks: self.blocks(range),
            state: self.state(range),
            flags: self.flags(range),
            reserved: self.is_reserved(range),
            in_crash_kernel: self.crash_kernel.bytes_within(range) == range.size(),
            in_crash_cma: self.crash_cma.bytes_within(range) == range.size(),
            ..memory
        }
    }

    /// Whether memblock leaves no whole page of it free.
    fn is_reserved(&self, range: PhysRange) -> bool {
        let whole_page =
            |gap: Option<PhysRange>| gap.and_then(|g| g.shrink_to_multiples(self.page_size)).is_some();
        let mut rest = Some(range);
        for part in self.reserved.within(range) {
            let Some(left) = rest else { break };
            let (below, above) = left.subtract(part);
            if whole_page(below) {
                return false;
            }
            rest = above;
        }
        !whole_page(rest) && self.reserved.overlaps(range)
    }

    /// The numbers of the memory blocks.
    fn blocks(&self, range: PhysRange) -> Vec<u64> {
        self.blocks.map_or_else(Vec::new, |all| all.overlapping(range).map(|block| block.number).collect())
    }

    /// The combined state of its blocks, or else what the zones show.
    fn state(&self, range: PhysRange) -> Option<State> {
        self.blocks
            .and_then(|all| State::of_blocks(all.overlapping(range)))
            .or_else(|| self.state_by_zones(range))
    }

    /// Online memory is in some zone's span; memory outside every span is not online.
    fn state_by_zones(&self, range: PhysRange) -> Option<State> {
        if self.zones.is_empty() {
            return None;
        }
        let inside = self.spans.bytes_within(range);
        // Zones consist of whole pages, so less than a page may stick out at each end.
        let whole = inside.saturating_add(self.page_size.saturating_mul(2)) > range.size();
        Some(match inside {
            0 => State::Offline,
            _ if whole => State::Online,
            _ => State::Mixed,
        })
    }

    /// The zones of the online part, by ascending address. Each block lists its own; if a block spans several, or there
    /// are no blocks, the spans of the node's zones decide.
    fn zones(&self, range: PhysRange, node: Option<u32>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        let mut any_block = false;
        if let Some(all) = self.blocks {
            for block in all.overlapping(range) {
                any_block = true;
                match block.valid_zones.as_slice() {
                    _ if block.state == BlockState::Offline => {}
                    [zone] if zone != "none" => add(zone),
                    // Kernels before 4.13 list the zones the block could move to, its own first
                    // (Documentation/memory-hotplug.txt).
                    [zone, _, ..] if self.zones.is_empty() => add(zone),
                    _ => {
                        let part = all.range_of(block).and_then(|whole| whole.intersect(range));
                        part.into_iter()
                            .flat_map(|part| self.spanning(part, node))
                            .for_each(|z| add(&z.name));
                    }
                }
            }
        }
        if !any_block {
            self.spanning(range, node).for_each(|zone| add(&zone.name));
        }
        names
    }

    fn spanning(&self, part: PhysRange, node: Option<u32>) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(move |zone| {
            node.is_none_or(|node| node == zone.node)
                && zone.present > 0
                && zone.span(self.page_size).is_some_and(|span| span.overlaps(part))
        })
    }

    /// All memblock flags that occur in the range; `None` if memblock is not available.
    fn flags(&self, range: PhysRange) -> Option<RegionFlags> {
        let regions = self.memblock.as_ref()?;
        let first = regions.partition_point(|region| region.range.end() <= range.start());
        let here = regions.iter().skip(first).take_while(|region| region.range.start() < range.end());
        here.map(|region| region.flags).reduce(|a, b| a | b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::snapshot::MemoryBlock;
    use evidence::{Snapshot, Source};

    fn zone(name: &str, node: u32, start_pfn: u64, spanned: u64) -> Zone {
        Zone { node, name: name.to_owned(), start_pfn, spanned, present: spanned, managed: spanned, cma: 0 }
    }

    fn block(number: u64, state: BlockState, valid_zones: &[&str]) -> MemoryBlock {
        let valid_zones = valid_zones.iter().map(|zone| (*zone).to_owned()).collect();
        MemoryBlock { number, state, nodes: vec![0], valid_zones, firmware_node: None }
    }

    fn r(start: u64, end: u64) -> PhysRange {
        PhysRange::new(start, end).unwrap()
    }

    #[test]
    fn spans_decide_for_a_block_in_several_zones_and_an_offline_block_is_in_none() {
        let blocks = vec![
            block(0, BlockState::Online, &["none"]),
            block(1, BlockState::Online, &["Movable"]),
            block(2, BlockState::Offline, &["Normal", "Movable"]),
        ];
        let memory_blocks = MemoryBlocks { block_size: 0x10_0000, blocks, ..MemoryBlocks::default() };
        let snapshot = Snapshot { memory_blocks: Source::Read(memory_blocks), ..Snapshot::default() };
        let zones =
            [zone("DMA", 0, 1, 0x7f), zone("Normal", 0, 0x80, 0x400), zone("Normal", 1, 0x500, 0x100)];
        let evidence = Evidence { zones: Source::Read(zones.to_vec()), ..Evidence::from(&snapshot) };
        let details = RangeDetails::new(&evidence, 4096);
        assert_eq!(details.zones(r(0x1000, 0x30_0000), Some(0)), ["DMA", "Normal", "Movable"]);
        assert_eq!(details.zones(r(0x1000, 0x2000), Some(0)), ["DMA"]);
        assert!(details.zones(r(0x20_0000, 0x30_0000), Some(0)).is_empty());
        assert_eq!(details.state(r(0x1000, 0x30_0000)), Some(State::Mixed));
    }

    #[test]
    fn memory_is_reserved_when_no_whole_page_of_it_is_free() {
        let text = "   0: 0x0000000000001000..0x0000000000001fff    x NONE\n   \
                       1: 0x0000000000002040..0x0000000000003fff    x NONE\n";
        let mut snapshot = Snapshot::default();
        snapshot.memblock.reserved = Source::Read(text.into());
        let evidence = Evidence::from(&snapshot);
        let details = RangeDetails::new(&evidence, 4096);
        assert!(details.is_reserved(r(0x1000, 0x4000)));
        assert!(!details.is_reserved(r(0x1000, 0x5000)));
        assert!(!details.is_reserved(r(0, 0x2000)));
        assert!(!details.is_reserved(r(0x8000, 0x8040)));
    }

    #[test]
    fn without_blocks_memory_outside_every_span_is_offline() {
        let zones = [zone("Normal", 0, 0x100, 0x100)];
        let snapshot = Snapshot::default();
        let evidence = Evidence { zones: Source::Read(zones.to_vec()), ..Evidence::from(&snapshot) };
        let details = RangeDetails::new(&evidence, 4096);
        assert_eq!(details.state(r(0x10_0000, 0x20_0000)), Some(State::Online));
        assert_eq!(details.state(r(0x20_0000, 0x30_0000)), Some(State::Offline));
        assert_eq!(details.state(r(0x18_0000, 0x30_0000)), Some(State::Mixed));
        assert_eq!(RangeDetails::new(&Evidence::default(), 4096).state(r(0, 1)), None);
    }
}
