//! Whatever an arm64 machine looks like, a plan keeps its promises, and is the one that trying every address finds.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

mod machines;
mod search;

use kexec::{Arm64Error, Arm64Header, KernelImage, Plan, PlanError, Purpose, Request, SegmentKind};
use memblock::rules::Loader;
use memblock::{PhysRange, ranges};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use machines::{Kind, Layout, MIB, layouts};
use search::{brute_force, brute_force_of_tools};

fn requests() -> impl Strategy<Value = Request<'static>> {
    let purpose = prop_oneof![Just(Purpose::Reboot), Just(Purpose::Crash)];
    let text_offset = prop_oneof![3 => Just(0), 1 => Just(0x8_0000_u64)];
    (purpose, 1..4 * MIB, text_offset, prop::option::of(1..15 * MIB)).prop_map(
        |(purpose, image_size, text_offset, initrd)| Request {
            purpose,
            loader: Loader::KexecFileLoad,
            kernel: KernelImage::Arm64(Arm64Header {
                file_size: image_size / 2 + 1,
                text_offset,
                image_size,
            }),
            initrd,
            command_line: "quiet",
            avoid_removable: false,
            purgatory: None,
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
        let expected = brute_force(&searched, &request, tree);
        match found {
            Ok(plan) => prop_assert_eq!(Some(ranges_of(&plan)), expected),
            Err(PlanError::NoCrashKernel) => prop_assert!(layout.crash.is_none()),
            Err(PlanError::NoHole { kind: SegmentKind::Kernel, .. }
                | PlanError::Arm64(Arm64Error::NoKernelLocation { .. })) => prop_assert_eq!(expected, None),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn segments_of_kexec_load_lie_where_trying_every_address_puts_them(
        layout in layouts(),
        request in requests(),
    ) {
        let request = Request { loader: Loader::KexecLoad, ..request };
        let searched = layout.searched(request.purpose, request.loader);
        let (found, tree) = planned(&layout, &request);
        let expected = brute_force_of_tools(&searched, &request, tree);
        match found {
            Ok(plan) => prop_assert_eq!(Some(ranges_of(&plan)), expected),
            Err(PlanError::NoCrashKernel) => prop_assert!(layout.crash.is_none()),
            Err(PlanError::NoHole { .. }) => prop_assert_eq!(expected, None),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_segment_lies_where_the_rules_forbid_it(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        for (index, segment) in plan.segments.iter().enumerate() {
            prop_assert!(plan.segments.iter().skip(index + 1).all(|o| !o.range.overlaps(segment.range)));
            let in_crash = layout.crash.is_some_and(|crash| crash.encloses(segment.range));
            prop_assert_eq!(in_crash, request.purpose == Purpose::Crash, "{:?}", segment);
            for (range, kind) in layout.regions() {
                prop_assert!(kind == Kind::Ram || !range.overlaps(segment.range), "{segment:?}");
            }
            prop_assert!(layout.regions().iter().any(|(range, _)| range.encloses(segment.range)));
            if request.purpose == Purpose::Reboot {
                prop_assert!(!layout.reserved.iter().any(|range| range.overlaps(segment.range)), "{segment:?}");
            }
        }
    }

    #[test]
    fn a_dump_has_every_byte_that_is_mapped_but_the_crash_kernels(layout in layouts(), request in requests()) {
        let Ok(plan) = layout.plan(&Request { purpose: Purpose::Crash, ..request }) else { return Ok(()) };
        let mapped = layout.regions().into_iter().filter(|(_, kind)| *kind != Kind::Nomap);
        let mapped: Vec<PhysRange> = mapped.map(|(range, _)| range).collect();
        let expected: Vec<PhysRange> = ranges::difference(mapped.into_iter(), layout.crash.into_iter()).collect();
        prop_assert_eq!(plan.vmcore, expected);
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
