//! Whatever an x86 machine looks like, a plan keeps its promises, and is the one that trying every address finds.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

#[path = "../brute_force/mod.rs"]
mod brute_force;
mod elf;
mod layouts;
mod machines;
mod own;

use firmware::e820::E820Type;
use kexec::{Caller, KernelImage, PlanError, Purpose, Request, SegmentKind, SetupHeader};
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rules::Loader;

use brute_force::PAGE;
use machines::{Kind, Layout, MIB, layouts, r};

fn requests() -> impl Strategy<Value = Request<'static>> {
    let load = (
        prop_oneof![Just(Purpose::Reboot), Just(Purpose::Crash)],
        prop_oneof![Just(Loader::KexecLoad), Just(Loader::KexecFileLoad)],
    );
    let load = (load, prop_oneof![3 => Just(false), 1 => Just(true)]);
    let size = || prop_oneof![1..4 * MIB, 1..32 * MIB];
    (load, size(), 12..26_u32, prop::option::of(size()), 0..64 * MIB).prop_map(
        |(((purpose, loader), avoid_removable), init_size, order, initrd, pref_address)| Request {
            purpose,
            loader,
            kernel: KernelImage::BzImage(SetupHeader {
                file_size: 0x1000 + init_size,
                setup_sects: 7,
                pref_address,
                kernel_alignment: 1 << order,
                init_size,
                cmdline_size: 2047,
                above_4g: true,
            }),
            initrd,
            command_line: "quiet",
            avoid_removable,
            without_cma: false,
            purgatory: None,
            tools: None,
            caller: Caller::KexecTools,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn segments_lie_where_trying_every_address_puts_them(layout in layouts(), request in requests()) {
        let found = layout.plan(&request);
        match &found {
            Ok(plan) => {
                let segments: Vec<_> = plan.segments.iter().map(|s| (s.kind, s.range)).collect();
                let expected = layouts::by_trial(&layout, &request, plan.vmcore.len());
                prop_assert_eq!(Some(segments), expected);
            }
            Err(PlanError::NoHole { .. }) => {
                // What the dump holds has a test of its own.
                let ranges = layout.dumped(request.loader).len();
                prop_assert_eq!(None, layouts::by_trial(&layout, &request, ranges));
            }
            Err(PlanError::NoCrashKernel) => prop_assert!(layout.crash.is_none()),
            Err(PlanError::NoMap | PlanError::NoFirmwareMap) => {
                prop_assert!(layout.of(&[Kind::Boot]).is_empty());
            }
            Err(PlanError::KernelPlaces) => {
                prop_assert!(request.avoid_removable && request.loader == Loader::KexecFileLoad);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_segment_lies_where_the_rules_forbid_it(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let is_by_kernel = request.loader == Loader::KexecFileLoad;
        let may = match request.purpose {
            Purpose::Crash => Vec::from_iter(layout.crash),
            Purpose::Reboot if is_by_kernel && !layout.scratch.is_empty() => layout.scratch.clone(),
            Purpose::Reboot if request.avoid_removable => layout.of(&[Kind::Boot]),
            Purpose::Reboot => layout.of(&[Kind::Boot, Kind::HotAdded]),
        };
        // kexec-tools does not look at memblock, and scratch areas are reserved in it.
        let walks_memblock = request.purpose == Purpose::Reboot && is_by_kernel && layout.scratch.is_empty();
        let reserved = layout.reserved.iter().flatten().filter(|_| walks_memblock);
        for (index, segment) in plan.segments.iter().enumerate() {
            let range = segment.range;
            prop_assert!(may.iter().any(|may| may.encloses(range)), "{segment:?}");
            prop_assert!(range.start().is_multiple_of(segment.alignment) && segment.alignment >= PAGE);
            prop_assert!(range.size().is_multiple_of(PAGE) && segment.loaded <= range.size());
            prop_assert!(plan.segments.iter().skip(index + 1).all(|other| !other.range.overlaps(range)));
            prop_assert!(!reserved.clone().any(|reserved| reserved.overlaps(range)), "{segment:?}");
        }
    }

    #[test]
    fn a_dump_has_all_memory_but_the_crash_kernel_and_the_first_mib_if_no_one_saves_it(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        prop_assert_eq!(plan.vmcore, layout.dumped(request.loader));
    }

    #[test]
    fn handover_binds_a_reboot_by_the_kernels_own_search_and_nothing_else(layout in layouts(), request in requests()) {
        let without = Layout { scratch: Vec::new(), ..layout.clone() };
        if request.purpose == Purpose::Crash || request.loader == Loader::KexecLoad {
            prop_assert_eq!(layout.plan(&request), without.plan(&request));
        } else if let Ok(plan) = layout.plan(&request) {
            let has_list = plan.segments[0].kind == SegmentKind::Handover;
            prop_assert_eq!(has_list, !layout.scratch.is_empty());
        }
    }

    #[test]
    fn the_largest_initial_ramdisk_fits_and_a_page_more_does_not(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let with = |initrd| layout.plan(&Request { initrd: Some(initrd), ..request });
        let largest = plan.margins.largest_initrd;
        prop_assert!(with(largest).is_ok());
        prop_assert_eq!(with(largest + PAGE).err(), plan.margins.binds);
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
        prop_assume!(layout.crash_areas().all(|area| area.start() >= MIB));
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        let header = plan.segment(SegmentKind::ElfCoreHeader).unwrap();
        let kept = [Some(header), plan.segment(SegmentKind::Backup)].into_iter().flatten();
        let kept: Vec<PhysRange> =
            kept.map(|segment| PhysRange::from_size(segment.range.start(), segment.loaded).unwrap()).collect();
        let is_told_whole = |low: PhysRange| plan.next_kernel.iter().any(|entry| entry.range == low);
        prop_assert!(layout.low.is_none_or(is_told_whole));
        for entry in plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram) {
            prop_assert!(!kept.iter().any(|kept| kept.overlaps(entry.range)), "{entry:?}");
            let in_area = layout.crash_areas().any(|area| area.encloses(entry.range));
            prop_assert!(in_area || entry.range.end() <= MIB, "{entry:?}");
        }
    }
}

#[test]
fn many_random_machines_have_a_plan_of_each_kind() {
    // Otherwise the properties above would hold of nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (layouts(), requests());
    let cases = (0..1000).filter_map(|_| {
        let (layout, request) = strategy.new_tree(&mut runner).unwrap().current();
        layout.plan(&request).is_ok().then_some((layout, request))
    });
    let cases: Vec<(Layout, Request<'static>)> = cases.collect();
    let count = |is_one: &dyn Fn(&Layout, &Request<'_>) -> bool| {
        cases.iter().filter(|(layout, request)| is_one(layout, request)).count()
    };
    for purpose in [Purpose::Reboot, Purpose::Crash] {
        for loader in [Loader::KexecLoad, Loader::KexecFileLoad] {
            let planned = count(&|_, request| (request.purpose, request.loader) == (purpose, loader));
            assert!(planned >= 30, "{planned} for {purpose:?} by {loader:?}");
        }
    }
    let is_reboot = |request: &Request<'_>| request.purpose == Purpose::Reboot;
    let by_kernel = |request: &Request<'_>| request.loader == Loader::KexecFileLoad;
    let avoiding = count(&|layout, request| {
        is_reboot(request) && request.avoid_removable && !layout.of(&[Kind::HotAdded]).is_empty()
    });
    let in_scratch =
        count(&|layout, request| is_reboot(request) && by_kernel(request) && !layout.scratch.is_empty());
    let with_low = count(&|layout, request| !is_reboot(request) && layout.low.is_some());
    let growing = count(&|layout, request| !is_reboot(request) && layout.header_room.is_some());
    let many = [avoiding, in_scratch, with_low, growing];
    assert!(many.iter().all(|&planned| planned >= 15), "{many:?}");
}

impl Layout {
    /// What a dump holds, by our own arithmetic: each System RAM by itself.
    fn dumped(&self, loader: Loader) -> Vec<PhysRange> {
        let ram = self.of(&[Kind::Boot, Kind::HotAdded, Kind::DriverManaged]);
        let not_saved = (loader == Loader::KexecFileLoad).then_some(r(0, MIB));
        let without: RangeSet = not_saved.into_iter().chain(self.crash_areas()).collect();
        ranges::difference(ram.into_iter(), without.iter()).collect()
    }
}
