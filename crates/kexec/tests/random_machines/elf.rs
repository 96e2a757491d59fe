//! ELF kernels on random machines: kexec-tools leaves them where they say they lie.

use kexec::{ElfError, ElfKernel, ElfSegment, KernelImage, PlanError, Purpose, Request, SegmentKind};
use memblock::PhysRange;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rules::Loader;

use crate::brute_force::PAGE;
use crate::machines::{Kind, Layout, MIB, layouts, r};
use crate::requests;

/// A part of an ELF kernel: how far above the start of which RAM it begins, bytes, and whether a page begins there.
type Part = (usize, u64, u64, bool);

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = (any::<usize>(), 0..8 * MIB, 1..4 * MIB, prop::bool::weighted(0.95));
    prop::collection::vec(part, 1..6)
}

/// The kernel of these parts, and where each may lie.
fn elf_kernel(layout: &Layout, request: &Request<'_>, parts: &[Part]) -> Option<(ElfKernel, Vec<PhysRange>)> {
    let may = match request.purpose {
        Purpose::Reboot if request.avoid_removable => layout.of(&[Kind::Boot]),
        Purpose::Crash => Vec::from_iter(layout.crash),
        Purpose::Reboot => layout.of(&[Kind::Boot, Kind::HotAdded]),
    };
    let segment = |&(index, above, size, is_aligned): &Part| {
        let start = may.get(index.checked_rem(may.len())?)?.start() + above;
        let start = if is_aligned { start / PAGE * PAGE } else { start };
        Some(ElfSegment { memory: PhysRange::from_size(start, size).ok()?, loaded: size / 2 })
    };
    let segments = parts.iter().map(segment).collect::<Option<_>>()?;
    Some((ElfKernel { segments }, may))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_elf_kernel_lies_where_it_says_and_all_else_where_the_rules_allow_it(
        layout in layouts(),
        request in requests(),
        parts in parts(),
    ) {
        let Some((kernel, may)) = elf_kernel(&layout, &request, &parts) else { return Ok(()) };
        let request = Request { kernel: KernelImage::Elf(&kernel), loader: Loader::KexecLoad, ..request };
        let pages = |part: &ElfSegment| r(part.memory.start(), part.memory.end().next_multiple_of(PAGE));
        match layout.plan(&request) {
            Ok(plan) => {
                let of_kernel = plan.segments.iter().filter(|segment| segment.kind == SegmentKind::Kernel);
                prop_assert!(of_kernel.map(|s| (s.range, s.loaded)).eq(kernel.segments.iter().map(|p| (pages(p), p.loaded))));
                for (index, segment) in plan.segments.iter().enumerate() {
                    prop_assert!(may.iter().any(|range| range.encloses(segment.range)), "{segment:?}");
                    prop_assert!(segment.range.start().is_multiple_of(PAGE));
                    prop_assert!(plan.segments.iter().skip(index + 1).all(|o| !o.range.overlaps(segment.range)));
                }
                if let Some(initrd) = plan.segment(SegmentKind::Initrd) {
                    prop_assert!(r(16 * MIB, 896 * MIB).encloses(initrd.range));
                }
            }
            Err(PlanError::Elf(ElfError::Outside { range, .. })) => {
                prop_assert!(kernel.segments.iter().any(|part| pages(part) == range));
                // The first page is nobody's.
                prop_assert!(!may.iter().any(|may| may.encloses(range)) || range.start() < PAGE, "{range}");
            }
            Err(PlanError::Elf(ElfError::Unaligned { address })) => prop_assert!(!address.is_multiple_of(PAGE)),
            Err(PlanError::Elf(ElfError::Overlap { range })) => {
                prop_assert!(kernel.segments.iter().filter(|part| pages(part).overlaps(range)).count() > 1);
            }
            Err(_) => {}
        }
    }
}

#[test]
fn many_random_elf_kernels_have_a_plan() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (layouts(), requests(), parts());
    let is_planned = |_| {
        let (layout, request, parts) = strategy.new_tree(&mut runner).unwrap().current();
        let Some((kernel, _)) = elf_kernel(&layout, &request, &parts) else { return false };
        let kernel = KernelImage::Elf(&kernel);
        layout.plan(&Request { kernel, loader: Loader::KexecLoad, ..request }).is_ok()
    };
    let planned = (0..400).map(is_planned).filter(|&is_planned| is_planned).count();
    assert!(planned >= 40, "{planned} of 400");
}
