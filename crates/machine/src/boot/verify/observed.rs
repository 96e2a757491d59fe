//! The result of a real boot, read from the log and from what the kernel exposes.

use std::collections::BTreeMap;

use evidence::{BootLog, Evidence};
use firmware::log::MemblockList;
use memblock::{PageSize, PhysRange, Region};

use crate::arch::Architecture;
use crate::boot::crashkernel::{CrashArea, Crashkernel};
use crate::boot::zones::{ZoneKind, ZoneSpan};
use evidence::log::BootLines;

/// The result of a real boot. A fact is `None` if nothing shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Memory regions with nodes and flags: the last dump of `memblock=debug`.
    pub memory: Option<Vec<Region>>,
    /// Reserved regions at that time.
    pub reserved: Option<Vec<Region>>,
    /// Memory regions in /sys/kernel/debug/memblock, after boot, when HOTPLUG is cleared. Also `None` if memory was
    /// added since. Compare with [`Prediction::memory_after_boot`].
    ///
    /// [`Prediction::memory_after_boot`]: crate::boot::Prediction::memory_after_boot
    pub memory_after_boot: Option<Vec<Region>>,
    /// Whole pages of memory by node.
    pub early_node_ranges: Option<Vec<(u32, PhysRange)>>,
    /// The zone limits; empty zones are omitted.
    pub zone_limits: Option<Vec<(ZoneKind, PhysRange)>>,
    /// The first movable address of each node that has one.
    pub movable_start: Option<BTreeMap<u32, u64>>,
    /// The crash kernel reservation.
    pub crashkernel: Option<Crashkernel>,
    /// Whether the reservation is known in whole MiB only.
    pub crashkernel_in_mib: bool,
    /// The scratch areas of kexec handover, from debugfs.
    pub scratch: Option<Vec<PhysRange>>,
    /// The fallback order of each node.
    pub fallback_order: Option<Vec<(u32, Vec<u32>)>>,
    /// The zones in /proc/zoneinfo; also `None` if memory was added after boot, which changes them.
    pub zones: Option<Vec<ZoneSpan>>,
}

impl Observed {
    /// Reads what a machine shows of its boot. Crash kernels at or above `low_end` count as high; on arm64, those above
    /// ZONE_DMA.
    pub fn of(evidence: &Evidence, low_end: u64, page_size: u64) -> Self {
        let no_log = BootLog::default();
        let log = evidence.log.read().unwrap_or(&no_log);
        let facts = &log.boot;
        let early: Vec<(u32, PhysRange)> =
            log.early_node_ranges.iter().map(|line| (line.node.get(), line.range)).collect();
        let limits = facts.zones.iter().filter_map(|(name, range)| Some((kind(name)?, (*range)?)));
        let mut zone_limits: Vec<(ZoneKind, PhysRange)> = limits.collect();
        zone_limits.sort_by_key(|(kind, _)| *kind);
        let seen = |has: bool| has.then_some(());
        let architecture = evidence.architecture.read().and_then(|word| Architecture::from_uname(word));
        let ends_with_zone = architecture.is_some_and(|found| found.facts().low_ends_with_first_zone);
        let of_dma = facts.zones.get("DMA").or_else(|| facts.zones.get("DMA32"));
        let of_dma = of_dma.copied().flatten().filter(|_| ends_with_zone);
        let low_end = of_dma.map_or(low_end, PhysRange::end);
        // Whole MiB in the log are less exact than /proc/iomem.
        let exact = crashkernel_resources(evidence, low_end);
        let has_exact = exact.as_ref().is_some_and(|exact| exact.main().is_some());
        Self {
            memory: log.memblock.last_dump(MemblockList::Memory),
            reserved: log.memblock.last_dump(MemblockList::Reserved),
            memory_after_boot: memory_after_boot(evidence, &early, page_size),
            zones: zones_at_boot(evidence, &early, page_size),
            // A heading alone is what an excerpt leaves.
            early_node_ranges: seen(facts.has_zones && !early.is_empty()).map(|()| early),
            zone_limits: seen(!facts.zones.is_empty()).map(|()| zone_limits),
            movable_start: facts.movable.clone(),
            crashkernel_in_mib: facts.crashkernel_in_mib && !has_exact,
            crashkernel: seen(facts.has_zones || facts.crashkernel.is_some())
                .filter(|()| !(facts.crashkernel_in_mib && has_exact))
                .map(|()| crashkernel(facts, low_end))
                .or(exact),
            scratch: evidence.handover_scratch.read().filter(|_| !facts.handed_over).cloned(),
            fallback_order: seen(!facts.fallback.is_empty()).map(|()| facts.fallback.clone()),
        }
    }
}

impl Observed {
    /// Whether the boot got as far as its zones.
    pub(crate) fn has_booted(&self) -> bool {
        self.zone_limits.is_some() || self.early_node_ranges.is_some() || self.zones.is_some()
    }
}

fn kind(name: &str) -> Option<ZoneKind> {
    [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable]
        .into_iter()
        .find(|kind| kind.as_str() == name)
}

fn crashkernel(facts: &BootLines, low_end: u64) -> Crashkernel {
    let area = |range: Option<PhysRange>, is_main| range.map(|range| CrashArea { range, is_main });
    let main = area(facts.crashkernel, true);
    let beside = area(facts.crashkernel_low, false);
    let (low, high) = match main {
        Some(main) if main.range.start() < low_end => (Some(main), None),
        main => (beside, main),
    };
    Crashkernel { low, high, error: facts.crashkernel_error.clone(), ..Crashkernel::default() }
}

/// The reservations in /proc/iomem, for a log without its beginning: a low reservation next to a high one is for its
/// devices.
fn crashkernel_resources(evidence: &Evidence, low_end: u64) -> Option<Crashkernel> {
    let areas =
        evidence.resources.read()?.resources().iter().filter(|resource| resource.name == "Crash kernel");
    let ranges: Vec<PhysRange> = areas
        // Without privilege all addresses read as 0.
        .filter_map(|resource| resource.range().ok().filter(|range| range.start() > 0))
        .collect();
    let high = ranges.iter().find(|range| range.start() >= low_end);
    let low = ranges.iter().find(|range| range.start() < low_end);
    Some(Crashkernel {
        low: low.map(|range| CrashArea { range: *range, is_main: high.is_none() }),
        high: high.map(|range| CrashArea { range: *range, is_main: true }),
        ..Crashkernel::default()
    })
}

/// The regions in debugfs, if they have as many whole pages as at boot.
fn memory_after_boot(evidence: &Evidence, early: &[(u32, PhysRange)], page_size: u64) -> Option<Vec<Region>> {
    let regions = evidence.memblock_memory.read()?.whole()?;
    let page = PageSize::new(page_size)?;
    let whole = regions.iter().filter_map(|region| page.whole_pages(region.range));
    let pages: u64 = whole.map(|(start, end)| end.saturating_sub(start)).fold(0, u64::saturating_add);
    let of_boot = early.iter().map(|(_, range)| range.size() / page_size.max(1));
    (pages == of_boot.fold(0, u64::saturating_add)).then(|| regions.to_vec())
}

/// The zones in /proc/zoneinfo, unless memory blocks outside the boot ranges were added to them.
fn zones_at_boot(evidence: &Evidence, early: &[(u32, PhysRange)], page_size: u64) -> Option<Vec<ZoneSpan>> {
    let zones = evidence.zones.read()?;
    let of_boot: u64 = early.iter().map(|(_, range)| range.size() / page_size.max(1)).sum();
    let present: u64 = zones.iter().map(|zone| zone.present).fold(0, u64::saturating_add);
    let spans = zones.iter().filter(|zone| zone.present > 0).map(|zone| {
        let span = zone.span(page_size)?;
        Some(ZoneSpan { node: zone.node, zone: kind(&zone.name)?, span, present_pages: zone.present })
    });
    let spans: Option<Vec<ZoneSpan>> = spans.collect();
    spans.filter(|_| present == of_boot)
}
