//! Arm64 machines of all kinds, and what Linux shows of them.

use std::fmt::Write;

use evidence::Source;
use evidence::snapshot::{Bytes, MemblockFiles};
use kexec::{Plan, PlanError, Purpose, Request};
use machine::{Machine, Snapshot};
use memblock::{PhysRange, ranges};
use proptest::prelude::*;
use rules::{Loader, Rules};

use crate::brute_force::PAGE;
use crate::device_tree::device_tree;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// What lies at a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// In the memory nodes of the boot's device tree.
    Ram,
    /// A DIMM added later.
    HotAdded,
    DriverManaged,
    /// To the byte: it begins and ends inside pages.
    Nomap,
    Nothing,
    /// Further than an initial ramdisk may lie from its kernel.
    Gap,
}

#[derive(Clone, Debug)]
pub(crate) struct Layout {
    ranges: Vec<(PhysRange, Kind)>,
    /// Some sixteenths of the largest RAM.
    pub(crate) crash: Option<PhysRange>,
    /// To the byte.
    pub(crate) reserved: Vec<PhysRange>,
}

pub(crate) fn layouts() -> impl Strategy<Value = Layout> {
    let kind = prop_oneof![
        6 => Just(Kind::Ram),
        1 => Just(Kind::HotAdded),
        1 => Just(Kind::DriverManaged),
        1 => Just(Kind::Nomap),
        1 => Just(Kind::Nothing),
        1 => Just(Kind::Gap),
    ];
    let ranges = prop::collection::vec((1..16 * MIB / PAGE, kind), 1..10);
    let reserved = prop::collection::vec((any::<u64>(), 1..MIB), 0..6);
    // Often there is a little memory far below the rest, where a kernel fits and not much more.
    let low = prop::option::of((512..2048_u64, Just(Kind::Ram)));
    let ranges = (low, ranges).prop_map(|(low, ranges)| {
        let low = low.into_iter().flat_map(|low| [low, (1, Kind::Gap)]);
        low.chain(ranges).collect::<Vec<_>>()
    });
    (ranges, prop::option::of((1..9_u64, 4..8_u64)), reserved).prop_map(|(sizes, crash, reserved)| {
        let mut ranges = Vec::new();
        let mut end = GIB;
        for (pages, kind) in sizes {
            let size = if kind == Kind::Gap { 33 * GIB } else { pages * PAGE };
            ranges.push((r(end, end + size), kind));
            end += size;
        }
        let ram = || ranges.iter().filter(|(_, kind)| *kind == Kind::Ram).map(|(range, _)| *range);
        let largest = ram().max_by_key(|range| range.size()).filter(|range| range.size() >= 16 * PAGE);
        let crash = crash.zip(largest).map(|((from, sixteenths), largest)| {
            let unit = largest.size() / 16 / PAGE * PAGE;
            let start = largest.start() + from * unit;
            r(start, start + sixteenths * unit)
        });
        // Of RAM, to the byte; the crash kernel's area is reserved, too.
        let all: Vec<PhysRange> = ram().collect();
        let at = |(at, size): (u64, u64)| {
            let of = all.get(usize::try_from(at % 64).unwrap() % all.len().max(1))?;
            let start = of.start() + at % of.size();
            Some(r(start, start + size))
        };
        let mut reserved: Vec<PhysRange> = reserved.into_iter().filter_map(at).chain(crash).collect();
        reserved.sort_unstable();
        let mut merged: Vec<PhysRange> = Vec::new();
        for range in reserved {
            match merged.last_mut().filter(|last| range.start() <= last.end()) {
                Some(last) => *last = last.hull(range),
                None => merged.push(range),
            }
        }
        Layout { ranges, crash, reserved: merged }
    })
}

impl Layout {
    /// Regions of memblock, ascending: NOMAP begins a bit behind, and ends a bit before, the page's start.
    pub(crate) fn regions(&self) -> Vec<(PhysRange, Kind)> {
        let mut regions = self.ranges.clone();
        regions.retain(|(_, kind)| !matches!(kind, Kind::Nothing | Kind::Gap));
        for index in 1..regions.len() {
            let (before, after) = (regions[index - 1], regions[index]);
            let odd = match (before.1, after.1) {
                (Kind::Ram, Kind::Nomap) => 0x123,
                (Kind::Nomap, Kind::Ram) => 0x456,
                _ => continue,
            };
            if before.0.end() == after.0.start() && after.0.size() > PAGE {
                regions[index - 1].0 = r(before.0.start(), before.0.end() + odd);
                regions[index].0 = r(after.0.start() + odd, after.0.end());
            }
        }
        regions
    }

    /// The regions of these kinds, ascending.
    pub(crate) fn of(&self, kinds: &[Kind]) -> Vec<PhysRange> {
        self.regions().into_iter().filter(|(_, kind)| kinds.contains(kind)).map(|(range, _)| range).collect()
    }

    /// What the kernel would search, by our own arithmetic.
    fn free(&self) -> Vec<PhysRange> {
        let ram = self.of(&[Kind::Ram, Kind::HotAdded]);
        ranges::difference(ram.into_iter(), self.reserved.clone().into_iter()).collect()
    }

    fn snapshot(&self) -> Snapshot {
        let (mut iomem, mut memory, mut reserved) = (String::new(), String::new(), String::new());
        for (index, (range, kind)) in self.regions().into_iter().enumerate() {
            let (name, flags, pages) = match kind {
                Kind::DriverManaged => ("System RAM (virtio_mem)", "DRV_MNG", Some(range)),
                Kind::Nomap => ("reserved", "NOMAP", range.widen_to_multiples(PAGE)),
                _ => ("System RAM", "NONE", range.shrink_to_multiples(PAGE)),
            };
            writeln!(memory, "{index:4}: {:#018x}..{:#018x}    0 {flags}", range.start(), range.last())
                .unwrap();
            let Some(pages) = pages else { continue };
            writeln!(iomem, "{pages} : {name}").unwrap();
            let crash = self.crash.filter(|crash| pages.encloses(*crash));
            if let Some(crash) = crash {
                writeln!(iomem, "  {crash} : Crash kernel").unwrap();
            }
            if matches!(kind, Kind::Ram | Kind::HotAdded) {
                for range in self.reserved_pages(pages) {
                    writeln!(iomem, "  {range} : reserved").unwrap();
                }
            }
        }
        for (index, range) in self.reserved.iter().enumerate() {
            writeln!(reserved, "{index:4}: {:#018x}..{:#018x}    0 NONE", range.start(), range.last())
                .unwrap();
        }
        if iomem.is_empty() {
            // A machine without memory still has a device; an empty file is none that a kernel prints.
            iomem.push_str("00000000-00000fff : rom\n");
        }
        let (memory, reserved) = (Source::Read(memory), Source::Read(reserved));
        Snapshot {
            architecture: Source::Read("aarch64".into()),
            iomem: Source::Read(iomem),
            kernel_log: Source::Read("SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=2, Nodes=1\n".into()),
            device_tree: Source::Read(Bytes(device_tree(&self.of(&[Kind::Ram])))),
            memblock: MemblockFiles { memory, reserved, ..MemblockFiles::default() },
            ..Snapshot::default()
        }
    }

    pub(crate) fn plan(&self, request: &Request<'_>) -> Result<Plan, PlanError> {
        kexec::plan(&Machine::of(self.snapshot()).unwrap(), request, &Rules::LINUX)
    }

    /// What /proc/iomem calls reserved in a range: whole pages, and not what it calls the crash kernel's.
    fn reserved_pages(&self, within: PhysRange) -> Vec<PhysRange> {
        let pages = |range: &PhysRange| range.widen_to_multiples(PAGE)?.intersect(within);
        let mut reserved: Vec<PhysRange> = self.reserved.iter().filter_map(pages).collect();
        reserved.sort_unstable();
        let mut merged: Vec<PhysRange> = Vec::new();
        for range in reserved {
            match merged.last_mut().filter(|last| range.start() <= last.end()) {
                Some(last) => *last = last.hull(range),
                None => merged.push(range),
            }
        }
        ranges::difference(merged.into_iter(), self.crash.into_iter()).collect()
    }

    /// Where kexec-tools looks: System RAM but what is called reserved in it.
    fn unreserved(&self) -> Vec<PhysRange> {
        let ram = self.of(&[Kind::Ram, Kind::HotAdded]).into_iter();
        let pages = ram.filter_map(|range| range.shrink_to_multiples(PAGE));
        pages
            .flat_map(|pages| ranges::difference([pages].into_iter(), self.reserved_pages(pages).into_iter()))
            .collect()
    }

    pub(crate) fn searched(&self, purpose: Purpose, loader: Loader) -> Vec<PhysRange> {
        match (purpose, loader) {
            (Purpose::Crash, _) => Vec::from_iter(self.crash),
            (Purpose::Reboot, Loader::KexecFileLoad) => self.free(),
            (Purpose::Reboot, Loader::KexecLoad) => self.unreserved(),
        }
    }
}
