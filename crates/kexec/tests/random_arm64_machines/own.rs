//! Loads by physmem itself: whatever a machine looks like, they keep their promises and those of booting.rst.

use kexec::{Caller, KernelImage, Plan, PlanError, Purpose, Request, SegmentKind};
use memblock::{PhysRange, ranges};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rules::Loader;

use crate::brute_force::PAGE;
use crate::machines::{GIB, Kind, Layout, MIB, layouts};
use crate::requests;

fn own() -> impl Strategy<Value = Request<'static>> {
    requests().prop_map(|request| Request { loader: Loader::KexecLoad, caller: Caller::Physmem, ..request })
}

/// Where a segment may lie, by our own arithmetic.
fn may(layout: &Layout, purpose: Purpose) -> Vec<PhysRange> {
    match purpose {
        Purpose::Crash => Vec::from_iter(layout.crash),
        Purpose::Reboot => {
            let ram = layout.of(&[Kind::Ram]).into_iter();
            ranges::difference(ram, layout.reserved.iter().copied()).collect()
        }
    }
}

fn of_kind(plan: &Plan, kind: SegmentKind) -> Option<PhysRange> {
    plan.segment(kind).map(|segment| segment.range)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn segments_lie_in_free_memory_of_its_own_kernel_that_the_next_one_is_told_about(
        layout in layouts(),
        request in own(),
        avoid_removable: bool,
    ) {
        let plan = match layout.plan(&Request { avoid_removable, ..request }) {
            Ok(plan) => plan,
            Err(PlanError::NoHole { .. } | PlanError::NoKernelLocation { .. }) => return Ok(()),
            Err(PlanError::NoCrashKernel) => { prop_assert!(layout.crash.is_none()); return Ok(()) }
            // Memory that is not told about cannot be known to be removable.
            Err(PlanError::ClassUnknown { .. }) if avoid_removable => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let may = may(&layout, request.purpose);
        let told: Vec<PhysRange> = plan.next_kernel.iter().map(|entry| entry.range).collect();
        for (index, segment) in plan.segments.iter().enumerate() {
            let range = segment.range;
            prop_assert!(may.iter().any(|may| may.encloses(range)), "{segment:?}");
            prop_assert!(told.iter().any(|told| told.encloses(range)), "{segment:?}");
            prop_assert!(range.start().is_multiple_of(PAGE) && range.size().is_multiple_of(PAGE));
            prop_assert!(segment.loaded <= range.size());
            prop_assert!(plan.segments.iter().skip(index + 1).all(|other| !other.range.overlaps(range)));
        }
    }

    #[test]
    fn a_kernel_can_boot_from_where_everything_lies(layout in layouts(), request in own()) {
        let Ok(plan) = layout.plan(&request) else { return Ok(()) };
        let KernelImage::Arm64(header) = request.kernel else { unreachable!() };
        let kernel = of_kind(&plan, SegmentKind::Kernel).unwrap();
        prop_assert_eq!(kernel.start() % (2 * MIB), header.text_offset);
        prop_assert!(kernel.size() >= header.image_size);
        // One window of 32 GiB, from a multiple of 1 GiB on, has the kernel and its initial ramdisk.
        if let Some(initrd) = of_kind(&plan, SegmentKind::Initrd) {
            let both = kernel.hull(initrd);
            let window = both.start() / GIB * GIB;
            prop_assert!(both.end() <= window + 32 * GIB, "{both}");
        }
        // The blocks of 2 MiB with which a kernel maps its device tree are nothing but RAM.
        let tree = of_kind(&plan, SegmentKind::DeviceTree).unwrap();
        let blocks = tree.widen_to_multiples(2 * MIB).unwrap();
        let may = may(&layout, request.purpose);
        prop_assert!(may.iter().any(|may| may.encloses(blocks)), "{blocks}");
        prop_assert!(blocks.size() == 2 * MIB && tree.start() == blocks.start());
    }

    #[test]
    fn a_dump_contains_what_it_contains_with_kexec_file_load(layout in layouts(), request in own()) {
        let crash = Request { purpose: Purpose::Crash, ..request };
        let by_file = layout.plan(&Request { loader: Loader::KexecFileLoad, ..crash });
        let (Ok(own), Ok(by_file)) = (layout.plan(&crash), by_file) else { return Ok(()) };
        // That goes by memblock, to the byte and without joining; /proc/iomem has whole pages.
        let pages = ranges::merged(by_file.vmcore.into_iter().filter_map(|range| range.shrink_to_multiples(PAGE)));
        prop_assert_eq!(ranges::merged(own.vmcore.into_iter()).collect::<Vec<_>>(), pages.collect::<Vec<_>>());
    }
}

#[test]
fn many_random_machines_have_a_plan_of_our_own() {
    // Otherwise the properties above would hold of nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (layouts(), own());
    let plans = (0..400).filter_map(|_| {
        let (layout, request) = strategy.new_tree(&mut runner).unwrap().current();
        layout.plan(&request).ok()
    });
    let plans: Vec<Plan> = plans.collect();
    let moved = plans.iter().filter(|plan| plan.segments[0].reason.contains("lower places")).count();
    assert!(plans.len() >= 60 && moved >= 3, "{} of 400, {moved} moved", plans.len());
}
