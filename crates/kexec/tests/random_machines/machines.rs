//! X86 machines of all kinds, and what Linux shows of them.

use std::fmt::Write;

use evidence::Source;
use evidence::snapshot::{FirmwareMapEntry, MemblockFiles};
use kexec::{Plan, PlanError, Request};
use machine::{Kho, Machine, Snapshot};
use memblock::PhysRange;
use proptest::prelude::*;
use rules::Rules;

use crate::brute_force::PAGE;

/// How many CPUs there may be.
pub(crate) const CPUS: u64 = 2;
pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// What lies at a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// In the firmware's map.
    Boot,
    /// A DIMM added later.
    HotAdded,
    DriverManaged,
    Reserved,
    Nothing,
}

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// What lies behind each other.
    pub(crate) ranges: Vec<(PhysRange, Kind)>,
    /// What is for a crash kernel: some sixteenths of the largest boot memory.
    pub(crate) crash: Option<PhysRange>,
    /// What is for its devices, in the boot memory below.
    pub(crate) low: Option<PhysRange>,
    /// What memblock holds reserved, if the kernel keeps memblock.
    pub(crate) reserved: Option<Vec<PhysRange>>,
    /// Bytes of program headers that the kernel makes room for, if it keeps the crash header itself.
    pub(crate) header_room: Option<u64>,
    /// Kexec handover's scratch areas, in the kernel's order; empty where it is off.
    pub(crate) scratch: Vec<PhysRange>,
}

pub(crate) fn layouts() -> impl Strategy<Value = Layout> {
    let kind = prop_oneof![
        3 => Just(Kind::Boot),
        1 => Just(Kind::HotAdded),
        1 => Just(Kind::DriverManaged),
        1 => Just(Kind::Reserved),
        1 => Just(Kind::Nothing)
    ];
    let ranges = prop::collection::vec((1..64 * MIB / PAGE, kind), 1..12);
    let reserved = prop::option::of(prop::collection::vec((any::<u64>(), 1..4096_u64), 0..8));
    // Of boot memory, from some sixteenth on.
    let scratch = prop::collection::vec((any::<usize>(), 0..15_u64, 1..8_u64), 1..4);
    let scratch = prop_oneof![1 => Just(Vec::new()), 1 => scratch];
    let crash = prop::option::of((0..8_u64, 1..17_u64, any::<bool>()));
    // No less than a page: what a kernel is configured for holds the memory that it has.
    let header_room = prop::option::of((72..4096_u64).prop_map(|headers| headers * 56));
    (ranges, crash, reserved, header_room, scratch).prop_map(
        |(sizes, crash, reserved, header_room, scratch)| {
            let mut ranges = Vec::new();
            let mut end = 0;
            for (pages, kind) in sizes {
                // No driver brings memory below 1 MiB.
                let kind = if end < MIB && kind == Kind::DriverManaged { Kind::Nothing } else { kind };
                ranges.push((r(end, end + pages * PAGE), kind));
                end += pages * PAGE;
            }
            let boot = ranges.iter().filter(|(_, kind)| *kind == Kind::Boot).map(|(range, _)| *range);
            let boot: Vec<PhysRange> = boot.filter(|range| range.size() >= 16 * PAGE).collect();
            let largest = boot.iter().max_by_key(|range| range.size()).copied();
            let part = |of: PhysRange, from: u64, sixteenths: u64| {
                let unit = of.size() / 16 / PAGE * PAGE;
                r(of.start() + from * unit, of.start() + (from + sixteenths).min(16) * unit)
            };
            let has_low = crash.is_some_and(|(_, _, has_low)| has_low);
            let crash =
                crash.zip(largest).map(|((from, sixteenths, _), largest)| part(largest, from, sixteenths));
            let below =
                |range: &PhysRange| range.start() >= MIB && crash.is_some_and(|c| range.end() <= c.start());
            let low = boot.iter().copied().find(below).filter(|_| has_low).map(|range| part(range, 4, 4));
            let mut areas: Vec<PhysRange> = Vec::new();
            for (at, from, sixteenths) in scratch {
                let area = boot.get(at % boot.len().max(1)).map(|&range| part(range, from, sixteenths));
                areas.extend(area.filter(|area| !areas.iter().any(|other| other.overlaps(*area))));
            }
            let reserved = reserved.map(|reserved| {
                let at = |(at, pages): (u64, u64)| {
                    let start = at % end / PAGE * PAGE;
                    r(start, start + pages * PAGE)
                };
                // What is for a crash kernel is reserved, too.
                let mut all: Vec<PhysRange> = reserved.into_iter().map(at).chain(crash).chain(low).collect();
                all.sort_unstable();
                let mut merged: Vec<PhysRange> = Vec::new();
                for range in all {
                    match merged.last_mut().filter(|last| range.start() <= last.end()) {
                        Some(last) => *last = last.hull(range),
                        None => merged.push(range),
                    }
                }
                merged
            });
            Layout { ranges, crash, low, reserved, header_room, scratch: areas }
        },
    )
}

impl Layout {
    pub(crate) fn of(&self, kinds: &[Kind]) -> Vec<PhysRange> {
        self.ranges.iter().filter(|(_, kind)| kinds.contains(kind)).map(|(range, _)| *range).collect()
    }

    /// What is for a crash kernel, ascending.
    pub(crate) fn crash_areas(&self) -> impl Iterator<Item = PhysRange> {
        self.low.into_iter().chain(self.crash)
    }

    fn snapshot(&self) -> Snapshot {
        let mut iomem = String::new();
        for (range, kind) in &self.ranges {
            let name = match kind {
                Kind::Boot | Kind::HotAdded => "System RAM",
                Kind::DriverManaged => "System RAM (kmem)",
                Kind::Reserved => "Reserved",
                Kind::Nothing => continue,
            };
            writeln!(iomem, "{range} : {name}").unwrap();
            for crash in self.crash_areas().filter(|crash| range.encloses(*crash)) {
                writeln!(iomem, "  {crash} : Crash kernel").unwrap();
            }
        }
        if iomem.is_empty() {
            // A machine without memory still has a device; an empty file is none that a kernel prints.
            iomem.push_str("00000000-00000fff : Reserved\n");
        }
        let lines = |ranges: &[(PhysRange, &str)]| {
            let lines = ranges.iter().enumerate().map(|(index, (range, flags))| {
                format!("{index:4}: {:#018x}..{:#018x}    0 {flags}\n", range.start(), range.last())
            });
            Source::Read(lines.collect())
        };
        let memblock = self.reserved.as_ref().map(|reserved| {
            let memory: Vec<(PhysRange, &str)> = self
                .ranges
                .iter()
                .filter_map(|(range, kind)| match kind {
                    Kind::Boot | Kind::HotAdded => Some((*range, "NONE")),
                    Kind::DriverManaged => Some((*range, "DRV_MNG")),
                    Kind::Reserved | Kind::Nothing => None,
                })
                .collect();
            let reserved: Vec<(PhysRange, &str)> = reserved.iter().map(|range| (*range, "NONE")).collect();
            MemblockFiles { memory: lines(&memory), reserved: lines(&reserved), ..MemblockFiles::default() }
        });
        let log = self.of(&[Kind::Boot]).iter().fold(
            String::from("BIOS-provided physical RAM map:\n"),
            |log, range| {
                format!("{log}BIOS-e820: [mem {:#018x}-{:#018x}] usable\n", range.start(), range.last())
            },
        );
        // Hot-added memory is appended to the firmware's map.
        let listed = self.of(&[Kind::Boot]).into_iter().chain(self.of(&[Kind::HotAdded]));
        let entry = |(index, range): (u32, PhysRange)| FirmwareMapEntry {
            index,
            start: range.start(),
            last: range.last(),
            kind: "System RAM".into(),
        };
        Snapshot {
            architecture: Source::Read("x86_64".into()),
            firmware_memmap: if self.of(&[Kind::Boot]).is_empty() {
                Source::Missing
            } else {
                Source::Read((0..).zip(listed).map(entry).collect())
            },
            iomem: Source::Read(iomem),
            kernel_log: Source::Read(log),
            memblock: memblock.unwrap_or_default(),
            ..Snapshot::default()
        }
    }

    pub(crate) fn plan(&self, request: &Request<'_>) -> Result<Plan, PlanError> {
        let mut machine = Machine::of(self.snapshot()).unwrap();
        machine.state.possible_cpus = Some(CPUS);
        machine.state.crash_elfcorehdr_size = self.header_room;
        machine.state.kho = match self.scratch.as_slice() {
            [] => Kho::Off,
            areas => Kho::On(areas.to_vec()),
        };
        kexec::plan(&machine, request, &Rules::LINUX)
    }
}
