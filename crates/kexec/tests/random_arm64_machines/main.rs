//! Whatever an arm64 machine looks like, a plan keeps its promises, and is the one that trying every address finds.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

#[path = "../brute_force/mod.rs"]
mod brute_force;
mod device_tree;
mod machines;
mod own;
mod search;

use kexec::{Arm64Header, Caller, KernelImage, Plan, PlanError, Purpose, Request, SegmentKind};
use memblock::{PhysRange, ranges};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rules::Loader;

use brute_force::PAGE;
use machines::{Kind, Layout, MIB, layouts};
use search::{brute_force, brute_force_of_tools};

fn requests() -> impl Strategy<Value = Request<'static>> {
    let purpose = prop_oneof![Just(Purpose::Reboot), Just(Purpose::Crash)];
    let loader = prop_oneof![2 => Just(Loader::KexecFileLoad), 1 => Just(Loader::KexecLoad)];
    let text_offset = prop_oneof![3 => Just(0), 1 => Just(0x8_0000_u64)];
    (purpose, loader, 1..4 * MIB, text_offset, prop::option::of(1..15 * MIB)).prop_map(
        |(purpose, loader, image_size, text_offset, initrd)| Request {
            purpose,
            loader,
            kernel: KernelImage::Arm64(Arm64Header {
                file_size: image_size / 2 + 1,
                text_offset,
                image_size,
            }),
            initrd,
            command_line: "quiet",
            avoid_removable: false,
            without_cma: false,
            purgatory: None,
            tools: None,
            caller: Caller::KexecTools,
        },
    )
}

/// A plan, and the size of its device tree, which other tests hold against kernels.
fn planned(layout: &Layout, request: &Request<'_>) -> (Result<Plan, PlanError>, u64) {
    let found = layout.plan(request);
    let tree = found.as_ref().ok().and_then(|plan| plan.segment(SegmentKind::DeviceTree));
    let size = tree.map_or(0x2800, |tree| tree.loaded);
    (found, size)
}

fn ranges_of(plan: &Plan) -> Vec<PhysRange> {
    plan.segments.iter().map(|segment| segment.range).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn segments_lie_where_trying_every_address_puts_them(layout in layouts(), request in requests()) {
        let searched = layout.searched(request.purpose, request.loader);
        let (found, tree) = planned(&layout, &request);
        let expected = match request.loader {
            Loader::KexecFileLoad => brute_force(&searched, &request, tree),
            Loader::KexecLoad => brute_force_of_tools(&searched, &request, tree),
        };
        match found {
            Ok(plan) => prop_assert_eq!(Some(ranges_of(&plan)), expected),
            Err(PlanError::NoCrashKernel) => prop_assert!(layout.crash.is_none()),
            Err(PlanError::NoHole { kind, .. }) => {
                prop_assert!(kind == SegmentKind::Kernel || request.loader == Loader::KexecLoad);
                prop_assert_eq!(expected, None);
            }
            Err(PlanError::NoKernelLocation { .. }) => prop_assert_eq!(expected, None),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_segment_lies_where_the_rules_forbid_it(
        layout in layouts(),
        request in requests(),
        avoid_removable: bool,
    ) {
        // A tree without memory is that of a boot by EFI: it does not tell what was added later.
        let is_told = !layout.of(&[Kind::Ram]).is_empty();
        let avoid_removable = avoid_removable && request.loader == Loader::KexecLoad && is_told;
        let Ok(plan) = layout.plan(&Request { avoid_removable, ..request }) else { return Ok(()) };
        let may = match request.purpose {
            Purpose::Crash => Vec::from_iter(layout.crash),
            Purpose::Reboot if avoid_removable => layout.of(&[Kind::Ram]),
            Purpose::Reboot => layout.of(&[Kind::Ram, Kind::HotAdded]),
        };
        // To kexec-tools the crash kernel's area is not reserved: /proc/iomem calls it by its own name.
        let not_reserved = layout.crash.filter(|_| request.loader == Loader::KexecLoad);
        let reserved = ranges::difference(layout.reserved.iter().copied(), not_reserved.into_iter());
        for (index, segment) in plan.segments.iter().enumerate() {
            let range = segment.range;
            prop_assert!(may.iter().any(|may| may.encloses(range)), "{segment:?}");
            prop_assert!(range.start().is_multiple_of(PAGE) && range.size().is_multiple_of(PAGE));
            prop_assert!(segment.loaded <= range.size());
            prop_assert!(plan.segments.iter().skip(index + 1).all(|other| !other.range.overlaps(range)));
            if request.purpose == Purpose::Reboot {
                prop_assert!(!reserved.clone().any(|reserved| reserved.overlaps(range)), "{segment:?}");
            }
        }
    }

    #[test]
    fn a_dump_has_every_byte_that_is_mapped_but_the_crash_kernels(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        let dumped: Vec<PhysRange> = match request.loader {
            Loader::KexecFileLoad => layout.of(&[Kind::Ram, Kind::HotAdded, Kind::DriverManaged]),
            // kexec-tools goes by /proc/iomem, where RAM is whole pages, and takes its exact name.
            Loader::KexecLoad => {
                let ram = layout.of(&[Kind::Ram, Kind::HotAdded]).into_iter();
                ram.filter_map(|range| range.shrink_to_multiples(PAGE)).collect()
            }
        };
        let expected: Vec<PhysRange> = ranges::difference(dumped.into_iter(), layout.crash.into_iter()).collect();
        prop_assert_eq!(plan.vmcore, expected);
    }

    #[test]
    fn a_kernel_is_told_of_the_memory_of_the_boot_and_a_crash_kernel_of_its_own(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let told: Vec<PhysRange> = plan.next_kernel.iter().map(|entry| entry.range).collect();
        let expected = match request.purpose {
            Purpose::Crash => Vec::from_iter(layout.crash),
            Purpose::Reboot => layout.of(&[Kind::Ram]),
        };
        prop_assert_eq!(&told, &expected);
        let driver_managed = layout.of(&[Kind::DriverManaged]);
        prop_assert!(!told.iter().any(|told| driver_managed.iter().any(|range| range.overlaps(*told))));
    }
}

#[test]
fn many_random_machines_have_a_plan_and_some_only_with_a_higher_kernel() {
    // Otherwise the properties above would hold of nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (layouts(), requests());
    let plans = (0..400).filter_map(|_| {
        let (layout, request) = strategy.new_tree(&mut runner).unwrap().current();
        layout.plan(&request).ok()
    });
    let plans: Vec<Plan> = plans.collect();
    let moved = plans.iter().filter(|plan| plan.segments[0].reason.contains("lower places")).count();
    assert!(plans.len() >= 80 && moved >= 5, "{} of 400, {moved} moved", plans.len());
}
