//! Whatever a machine looks like, a plan keeps its promises.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use firmware::e820::E820Type;
use kexec::{Facts, KernelImage, Plan, PlanError, Purpose, Request, SegmentKind, SetupHeader};
use machine::range_set::RangeSet;
use machine::snapshot::{FirmwareMapEntry, MemblockFiles, Source};
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use memblock::rules::{Loader, Rules};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// What lies at a range.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// In the firmware's map.
    Boot,
    /// A DIMM added later.
    HotAdded,
    DriverManaged,
    Reserved,
    Nothing,
}

/// A machine: what lies behind each other, which part of the largest boot memory is for a crash kernel, in
/// sixteenths of it, and what memblock holds reserved, if the kernel keeps memblock.
#[derive(Clone, Debug)]
struct Layout {
    ranges: Vec<(PhysRange, Kind)>,
    crash: Option<PhysRange>,
    reserved: Option<Vec<PhysRange>>,
}

fn layouts() -> impl Strategy<Value = Layout> {
    let kind = prop_oneof![
        3 => Just(Kind::Boot),
        1 => Just(Kind::HotAdded),
        1 => Just(Kind::DriverManaged),
        1 => Just(Kind::Reserved),
        1 => Just(Kind::Nothing)
    ];
    let ranges = prop::collection::vec((1..64 * MIB / PAGE, kind), 1..12);
    let reserved = prop::option::of(prop::collection::vec((any::<u64>(), 1..4096_u64), 0..8));
    (ranges, prop::option::of((0..8_u64, 1..8_u64)), reserved).prop_map(|(sizes, crash, reserved)| {
        let mut ranges = Vec::new();
        let mut end = 0;
        for (pages, kind) in sizes {
            // No driver brings memory below 1 MiB.
            let kind = if end < MIB && kind == Kind::DriverManaged { Kind::Nothing } else { kind };
            ranges.push((r(end, end + pages * PAGE), kind));
            end += pages * PAGE;
        }
        let boot = ranges.iter().filter(|(_, kind)| *kind == Kind::Boot).map(|(range, _)| *range);
        let largest = boot.max_by_key(|range| range.size()).filter(|range| range.size() >= 16 * PAGE);
        let crash = crash.zip(largest).map(|((from, sixteenths), largest)| {
            let unit = largest.size() / 16 / PAGE * PAGE;
            let start = largest.start() + from * unit;
            r(start, start + sixteenths * unit)
        });
        let reserved = reserved.map(|reserved| {
            let at = |(at, pages): (u64, u64)| {
                let start = at % end / PAGE * PAGE;
                r(start, start + pages * PAGE)
            };
            // What is for a crash kernel is reserved, too.
            let mut all: Vec<PhysRange> = reserved.into_iter().map(at).chain(crash).collect();
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
        Layout { ranges, crash, reserved }
    })
}

impl Layout {
    fn of(&self, kinds: &[Kind]) -> Vec<PhysRange> {
        self.ranges.iter().filter(|(_, kind)| kinds.contains(kind)).map(|(range, _)| *range).collect()
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
            if let Some(crash) = self.crash.filter(|crash| range.encloses(*crash)) {
                writeln!(iomem, "  {crash} : Crash kernel").unwrap();
            }
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

    fn plan(&self, request: &Request<'_>) -> Result<Plan, PlanError> {
        let snapshot = self.snapshot();
        let facts = Facts { possible_cpus: Some(2), ..Facts::of(&snapshot) };
        kexec::plan(&Machine::of(&snapshot).unwrap(), &facts, request, &Rules::LINUX)
    }
}

fn requests() -> impl Strategy<Value = Request<'static>> {
    let load = (
        prop_oneof![Just(Purpose::Reboot), Just(Purpose::Crash)],
        prop_oneof![Just(Loader::KexecLoad), Just(Loader::KexecFileLoad)],
    );
    (load, 1..32 * MIB, 12..26_u32, prop::option::of(1..32 * MIB), 0..64 * MIB).prop_map(
        |((purpose, loader), init_size, order, initrd, pref_address)| Request {
            purpose,
            loader,
            kernel: KernelImage::BzImage(SetupHeader {
                file_size: 0x1000 + init_size,
                setup_sects: 7,
                pref_address,
                kernel_alignment: 1 << order,
                init_size,
                cmdline_size: 2047,
            }),
            initrd,
            command_line: "quiet",
            avoid_removable: false,
            purgatory: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_segment_lies_where_the_rules_forbid_it(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let may = match (request.purpose, layout.crash) {
            (Purpose::Crash, crash) => Vec::from_iter(crash),
            (Purpose::Reboot, _) => layout.of(&[Kind::Boot, Kind::HotAdded]),
        };
        for (index, segment) in plan.segments.iter().enumerate() {
            prop_assert!(may.iter().any(|range| range.encloses(segment.range)), "{segment:?}");
            prop_assert!(segment.range.start().is_multiple_of(segment.alignment));
            prop_assert!(plan.segments.iter().skip(index + 1).all(|o| !o.range.overlaps(segment.range)));
            // kexec-tools does not look at memblock.
            let reserved = layout.reserved.as_ref().filter(|_| request.loader == Loader::KexecFileLoad);
            if let (Purpose::Reboot, Some(reserved)) = (request.purpose, reserved) {
                prop_assert!(!reserved.iter().any(|range| range.overlaps(segment.range)), "{segment:?}");
            }
        }
    }

    #[test]
    fn a_dump_has_all_memory_but_the_crash_kernel_and_the_first_mib_if_no_one_saves_it(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        let ram = layout.of(&[Kind::Boot, Kind::HotAdded, Kind::DriverManaged]);
        let not_saved = (request.loader == Loader::KexecFileLoad).then_some(r(0, MIB));
        let without: Vec<PhysRange> = layout.crash.into_iter().chain(not_saved).collect();
        let [ram, without, dumped] = [ram, without, plan.vmcore].map(|ranges| -> Vec<PhysRange> {
            RangeSet::from_iter(ranges).iter().collect()
        });
        prop_assert!(memblock::ranges::difference(ram.into_iter(), without.into_iter()).eq(dumped));
    }

    #[test]
    fn no_next_kernel_is_told_of_memory_that_a_driver_manages(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let not_told = match request.loader {
            Loader::KexecLoad => layout.of(&[Kind::DriverManaged]),
            Loader::KexecFileLoad => layout.of(&[Kind::DriverManaged, Kind::HotAdded]),
        };
        let ram = plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram);
        for entry in ram.filter(|entry| entry.range.start() >= MIB) {
            prop_assert!(!not_told.iter().any(|range| range.overlaps(entry.range)), "{entry:?}");
        }
    }

    #[test]
    fn a_crash_kernel_is_told_of_no_memory_that_it_must_not_use(layout in layouts(), request in requests()) {
        // Linux reserves none in the first MiB, of which a crash kernel is told.
        prop_assume!(layout.crash.is_none_or(|crash| crash.start() >= MIB));
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        let header = plan.segment(SegmentKind::ElfCoreHeader).unwrap();
        let kept = [Some(header), plan.segment(SegmentKind::Backup)].into_iter().flatten();
        let kept: Vec<PhysRange> =
            kept.map(|segment| PhysRange::from_size(segment.range.start(), segment.loaded).unwrap()).collect();
        for entry in plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram) {
            prop_assert!(!kept.iter().any(|kept| kept.overlaps(entry.range)), "{entry:?}");
            let in_area = layout.crash.is_some_and(|crash| crash.encloses(entry.range));
            prop_assert!(in_area || entry.range.end() <= MIB, "{entry:?}");
        }
    }

    #[test]
    fn where_there_is_no_plan_no_aligned_address_would_have_done_for_the_first_segment_that_fails(
        layout in layouts(),
        request in requests(),
    ) {
        let Err(PlanError::NoHole { kind: SegmentKind::Purgatory, size, .. }) = layout.plan(&request) else {
            return Ok(());
        };
        let (may, reserved) = match (request.purpose, request.loader) {
            // kexec-tools has placed the backup before, and the header, by no simple rule.
            (Purpose::Crash, Loader::KexecLoad) => return Ok(()),
            (Purpose::Crash, Loader::KexecFileLoad) => (Vec::from_iter(layout.crash), Vec::new()),
            (Purpose::Reboot, Loader::KexecLoad) => (layout.of(&[Kind::Boot, Kind::HotAdded]), Vec::new()),
            (Purpose::Reboot, Loader::KexecFileLoad) => {
                (layout.of(&[Kind::Boot, Kind::HotAdded]), layout.reserved.clone().unwrap_or_default())
            }
        };
        // Purgatory comes first, but for the header at the start of the crash kernel's area.
        let header = match request.purpose {
            Purpose::Crash => 0x1000,
            Purpose::Reboot => 0,
        };
        for range in may {
            for start in (range.start() + header..range.end()).step_by(0x1000) {
                let hole = r(start, start + size);
                let is_free = range.encloses(hole) && !reserved.iter().any(|other| other.overlaps(hole));
                prop_assert!(!is_free || start < 0x3000, "{hole:?}");
            }
        }
    }
}

#[test]
fn most_random_machines_have_a_plan() {
    // Otherwise the properties above would hold of nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (layouts(), requests());
    let is_planned = |_| {
        let (layout, request) = strategy.new_tree(&mut runner).unwrap().current();
        layout.plan(&request).is_ok()
    };
    let planned = (0..200).map(is_planned).filter(|&is_planned| is_planned).count();
    assert!(planned >= 60, "{planned} of 200");
}
