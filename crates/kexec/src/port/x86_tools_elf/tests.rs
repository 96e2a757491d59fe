//! The edges of each rule, as kexec-tools 2.0.25 was seen to keep them with files and maps made up to find them.

use evidence::Purpose;
use images::ElfSegment;
use machine::Machine;
use proptest::prelude::*;

use super::*;
use crate::plan::{Plan, plan};
use crate::port::x86_tools::tests::{IOMEM, REQUEST, state};
use crate::remedy::{Remedy, remedies};
use crate::request::Request;
use crate::testing::x86_with;

/// The initial ramdisk of all the loads.
const INITRD: Option<u64> = Some(0x1388);
const LOW: (u64, u64) = (0, 0x9_fbff);
const RAM: [(u64, u64); 2] = [LOW, (0x10_0000, 0x7ffd_ffff)];
/// Where most of the kernels have their one part.
const ONE: [(u64, u64); 1] = [(0x100_0000, 0x5000)];

/// A machine with this map.
fn machine(map: &[(u64, u64)]) -> Machine {
    x86_with(IOMEM, state(map))
}

/// A kernel of parts at these addresses, of so many bytes.
fn kernel(parts: &[(u64, u64)]) -> ElfKernel {
    let segment = |&(start, size): &(u64, u64)| ElfSegment {
        memory: PhysRange::from_size(start, size).unwrap(),
        loaded: size.min(0x1000),
    };
    ElfKernel { segments: parts.iter().map(segment).collect() }
}

fn request(kernel: &ElfKernel) -> Request<'_> {
    Request { kernel: KernelImage::Elf(kernel), initrd: INITRD, ..REQUEST }
}

/// A load on a machine with this map.
fn load(map: &[(u64, u64)], parts: &[(u64, u64)], initrd: Option<u64>) -> Result<Plan, PlanError> {
    let kernel = kernel(parts);
    plan(&machine(map), &Request { initrd, ..request(&kernel) }, &Rules::LINUX)
}

/// A load for crashes into 256 MiB at this address.
fn load_for_crashes(start: u64, parts: &[(u64, u64)], initrd: Option<u64>) -> Result<Plan, PlanError> {
    let area = format!("{start:08x}-{:08x} : Crash", start + 0xfff_ffff);
    let machine = x86_with(&IOMEM.replace("6f000000-7effffff : Crash", &area), state(&[]));
    let kernel = kernel(parts);
    let request = Request { purpose: Purpose::Crash, initrd, ..request(&kernel) };
    plan(&machine, &request, &Rules::LINUX)
}

/// Where the segments lie, in the order of their kinds.
fn starts(plan: &Result<Plan, PlanError>) -> Vec<u64> {
    use SegmentKind::{BootParameters, Initrd, Kernel, Purgatory, SetupData};
    let plan = plan.as_ref().unwrap();
    let of = [Purgatory, BootParameters, Kernel, Initrd, SetupData].into_iter();
    of.filter_map(|kind| plan.segment(kind)).map(|segment| segment.range.start()).collect()
}

fn refused(plan: Result<Plan, PlanError>) -> ElfError {
    match plan {
        Err(PlanError::Elf(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn no_hole(plan: Result<Plan, PlanError>) -> SegmentKind {
    match plan {
        Err(PlanError::NoHole { kind, .. }) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_parts_lie_where_the_header_says_and_the_rest_as_low_as_it_can_but_for_the_initrd() {
    assert_eq!(starts(&load(&RAM, &ONE, INITRD)), [0x1000, 0xa000, 0x100_0000, 0x37ff_e000, 0x10_0000]);
    assert_eq!(starts(&load(&RAM, &ONE, None)), [0x1000, 0xa000, 0x100_0000, 0x10_0000]);
    let below = [(0x100_0000_u64, 0x1000_u64), (0x101_0000, 0x3000)];
    let plan = load(&RAM, &below, INITRD).unwrap();
    let kernel: Vec<_> = plan.segments.iter().filter(|s| s.kind == SegmentKind::Kernel).collect();
    assert_eq!(
        (kernel[1].range.start(), kernel[1].range.size(), kernel[1].loaded),
        (0x101_0000, 0x3000, 0x1000)
    );
}

#[test]
fn the_boot_parameters_have_one_size_and_cut_a_command_line_off_after_2047_bytes() {
    let kernel = kernel(&ONE);
    let with = |purpose, line: &str| {
        let parts = Request { purpose, command_line: line, ..request(&kernel) };
        plan(&machine(&RAM), &parts, &Rules::LINUX)
    };
    for letters in [0, 1, 2046, 2047, 2048, 5000] {
        let plan = with(Purpose::Reboot, &"x".repeat(letters)).unwrap();
        let parameters = plan.segment(SegmentKind::BootParameters).unwrap();
        assert_eq!((parameters.loaded, parameters.range.size()), (0x16ec, 0x2000));
        assert_eq!(plan.command_line.len(), letters.min(2047));
    }
    assert_eq!(with(Purpose::Reboot, &"ä".repeat(1024)).unwrap().command_line.len(), 2046);
}

#[test]
fn a_part_below_moves_what_goes_as_low_as_it_can() {
    let of = |parts| starts(&load(&RAM, parts, INITRD));
    assert_eq!(of(&[(0x1000, 0x8000)])[..2], [0x9000, 0x1_2000]);
    assert_eq!(of(&[(0x1000, 0x1000)])[..2], [0x2000, 0xb000]);
    // The boot parameters find room before purgatory.
    assert_eq!(of(&[(0x3000, 0x1000)])[..2], [0x4000, 0x1000]);
    assert_eq!(of(&[(0x10_0000, 0x1000)])[..2], [0x1000, 0xa000]);
    assert_eq!(of(&[(0x10_0000, 0x1000)])[4], 0x10_1000);
    assert_eq!(of(&[(0x1000, 0x9_e000)]), [0x10_0000, 0x10_9000, 0x1000, 0x37ff_e000, 0x10_b000]);
}

#[test]
fn little_ram_below_1_mib_sends_what_finds_no_room_above_it() {
    let high = (0x10_0000, 0x7ffd_ffff);
    let of = |low| starts(&load(&[low, high], &ONE, INITRD));
    assert_eq!(
        starts(&load(&[high], &ONE, INITRD)),
        [0x10_0000, 0x10_9000, 0x100_0000, 0x37ff_e000, 0x10_b000]
    );
    assert_eq!(of((0, 0x8fff)), [0x10_0000, 0x1000, 0x100_0000, 0x37ff_e000, 0x10_9000]);
    assert_eq!(of((0, 0x9fff)), [0x1000, 0x10_0000, 0x100_0000, 0x37ff_e000, 0x10_2000]);
    assert_eq!(of((0, 0xafff)), [0x1000, 0x10_0000, 0x100_0000, 0x37ff_e000, 0x10_2000]);
    assert_eq!(of((0, 0xbfff)), [0x1000, 0xa000, 0x100_0000, 0x37ff_e000, 0x10_0000]);
    assert_eq!(of((0x3000, 0x9_fbff)), [0x3000, 0xc000, 0x100_0000, 0x37ff_e000, 0x10_0000]);
    assert_eq!(
        starts(&load(&[(0, 0xfff), (0x100_0000, 0x104_0fff)], &ONE, INITRD)),
        [0x100_5000, 0x100_e000, 0x100_0000, 0x103_f000, 0x101_0000]
    );
}

#[test]
fn the_initrd_lies_between_16_and_896_mib() {
    let initrd = |last, parts: &[(u64, u64)]| {
        let plan = load(&[LOW, (0x10_0000, last)], parts, INITRD);
        plan.map(|plan| plan.segment(SegmentKind::Initrd).unwrap().range.start())
    };
    let low = [(0x10_0000, 0x1000)];
    let limit = ElfError::InitrdLimit { size: 0x2000, min: 0x100_0000, limit: 0x3800_0000 };
    assert_eq!(initrd(0x100_0fff, &low), Err(limit.clone().into()));
    assert_eq!(initrd(0x100_1fff, &low), Ok(0x100_0000));
    assert_eq!(initrd(0x100_2fff, &low), Ok(0x100_1000));
    assert_eq!(initrd(0x3800_ffff, &ONE), Ok(0x37ff_e000));
    assert_eq!(initrd(0x37ff_efff, &ONE), Ok(0x37ff_d000));
    assert_eq!(initrd(0x37ff_f7ff, &ONE), Ok(0x37ff_d000));
    assert_eq!(initrd(0x7ffd_ffff, &[(0x3780_0000, 0x80_0000)]), Ok(0x377f_e000));
    assert_eq!(initrd(0x7ffd_ffff, &[(0x3780_1000, 0x1000)]), Ok(0x37ff_e000));
    assert_eq!(initrd(0x7ffd_ffff, &[(0x100_0000, 0x3700_0000)]), Err(limit.clone().into()));
    let far = [(0x1_0000_0000, 0x1000)];
    let map = [LOW, (0x1_0000_0000, 0x1_ffff_ffff)];
    assert_eq!(refused(load(&map, &far, INITRD)), limit);
    assert_eq!(starts(&load(&map, &far, None)), [0x1000, 0xa000, 0x1_0000_0000, 0x1_0000_1000]);
}

#[test]
fn a_part_is_refused_that_is_not_in_one_range_of_ram_begins_inside_a_page_or_lies_on_another() {
    let outside = |map: &[(u64, u64)], parts: &[(u64, u64)]| match refused(load(map, parts, INITRD)) {
        ElfError::Outside { range, within: "RAM" } => (range.start(), range.last()),
        other => panic!("{other}"),
    };
    assert_eq!(outside(&RAM, &[(0xf_0000, 0x1000)]), (0xf_0000, 0xf_0fff));
    assert_eq!(outside(&RAM, &[(0xe000_0000, 0x1000)]), (0xe000_0000, 0xe000_0fff));
    assert_eq!(outside(&RAM, &[(0x7ffd_f000, 0x3000)]), (0x7ffd_f000, 0x7ffe_1fff));
    assert_eq!(outside(&RAM, &[(0, 0x1000)]), (0, 0xfff));
    let seam = [LOW, (0x10_0000, 0x100_1fff), (0x100_2000, 0x7ffd_ffff)];
    for map in [seam, [LOW, (0x10_0000, 0x100_47ff), (0x200_0000, 0x7ffd_ffff)]] {
        assert_eq!(outside(&map, &ONE), (0x100_0000, 0x100_4fff));
    }
    assert_eq!(outside(&[LOW, (0x100_0800, 0x7ffd_ffff)], &ONE), (0x100_0000, 0x100_4fff));
    // Whole pages are looked for, though the part itself ends before.
    let ends_inside = [LOW, (0x100_0000, 0x100_43ff)];
    assert_eq!(outside(&ends_inside, &[(0x100_0000, 0x4400)]), (0x100_0000, 0x100_4fff));
    let unaligned = [(0x100_0800, 0x1234)];
    assert_eq!(refused(load(&RAM, &unaligned, None)), ElfError::Unaligned { address: 0x100_0800 });
    let overlapping = [(0x100_0000, 0x3000), (0x100_2000, 0x1000)];
    let range = PhysRange::from_size(0x100_2000, 0x1000).unwrap();
    assert_eq!(refused(load(&RAM, &overlapping, None)), ElfError::Overlap { range });
}

#[test]
fn a_part_may_lie_on_the_crash_kernels_area_and_on_the_running_kernel() {
    assert_eq!(starts(&load(&RAM, &[(0x7000_0000, 0x5000)], INITRD))[2], 0x7000_0000);
    assert_eq!(starts(&load(&RAM, &[(0x6eff_e000, 0x4000)], INITRD))[2], 0x6eff_e000);
}

#[test]
fn a_part_at_the_end_of_all_addresses_is_refused() {
    for (start, size) in [(u64::MAX - 0x1fff, 0x1fff), (u64::MAX - 0xfff, 0xfff), (1 << 63, 1 << 62)] {
        assert!(matches!(refused(load(&RAM, &[(start, size)], None)), ElfError::Outside { .. }));
    }
}

#[test]
fn a_kernel_of_13_parts_with_an_initrd_has_a_segment_too_many() {
    let parts: Vec<(u64, u64)> = (0..200).map(|part| (0x100_0000 + part * 0x1_0000, 0x1000)).collect();
    let of = |count| load(&RAM, &parts[..count], INITRD).map(|plan| plan.segments.len());
    assert_eq!(of(12), Ok(16));
    for count in [13, 20, 200] {
        assert_eq!(of(count), Err(PlanError::TooManySegments { segments: count + 4 }));
    }
}

#[test]
fn for_crashes_the_parts_lie_in_the_crash_kernels_area_or_there_is_no_plan() {
    let plan = load_for_crashes(0x6f00_0000, &[(0x7000_0000, 0x5000)], None).unwrap();
    let segments: Vec<_> =
        plan.segments.iter().map(|s| (s.range.start(), s.range.size(), s.loaded)).collect();
    assert_eq!(
        segments,
        [
            (0x7000_0000, 0x5000, 0x1000),
            (0x6f00_0000, 0x9000, 0x70e0),
            (0x6f00_9000, 0x2000, 0x16ec),
            (0x7ef6_1000, 0x9_f000, 0x9_ec00),
            (0x7ef5_d000, 0x4000, 0x400),
            (0x6f00_b000, 0x1000, 0x30),
        ]
    );
    assert_eq!(plan.command_line, "x acpi_rsdp=0xf59c0 elfcorehdr=2080116K");
    let outside = |parts: &[(u64, u64)]| match refused(load_for_crashes(0x6f00_0000, parts, None)) {
        ElfError::Outside { within: "the crash kernel's area", range } => range.start(),
        other => panic!("{other}"),
    };
    assert_eq!(outside(&ONE), 0x100_0000);
    assert_eq!(outside(&[(0x6eff_e000, 0x4000)]), 0x6eff_e000);
}

#[test]
fn the_initrd_of_a_crash_kernel_finds_no_place_where_its_area_lies_above_896_mib() {
    let limit = ElfError::InitrdLimit { size: 0x2000, min: 0x100_0000, limit: 0x3800_0000 };
    assert_eq!(refused(load_for_crashes(0x6f00_0000, &[(0x7000_0000, 0x5000)], INITRD)), limit);
}

#[test]
fn in_a_crowded_area_each_segment_takes_its_turn() {
    let failing = |pages: u64, initrd| match load_for_crashes(
        0x2000_0000,
        &[(0x2000_0000, 0x1000_0000 - pages * 0x1000)],
        initrd,
    ) {
        Err(PlanError::Elf(ElfError::InitrdLimit { .. })) => Some(SegmentKind::Initrd),
        Ok(_) => None,
        refused => Some(no_hole(refused)),
    };
    assert_eq!(failing(8, INITRD), Some(SegmentKind::Purgatory));
    assert_eq!(failing(10, INITRD), Some(SegmentKind::BootParameters));
    assert_eq!(failing(0xb, INITRD), Some(SegmentKind::Backup));
    assert_eq!(failing(0xad, INITRD), Some(SegmentKind::ElfCoreHeader));
    assert_eq!(failing(0xae, INITRD), Some(SegmentKind::Initrd));
    assert_eq!(failing(0xaf, INITRD), Some(SegmentKind::Initrd));
    assert_eq!(failing(0xb0, INITRD), Some(SegmentKind::SetupData));
    assert_eq!(failing(0xb1, INITRD), None);
    assert_eq!((failing(0xae, None), failing(0xaf, None)), (Some(SegmentKind::SetupData), None));
}

#[test]
fn kexec_file_load_takes_none() {
    let kernel = kernel(&ONE);
    let by_kernel = Request { loader: Loader::KexecFileLoad, ..request(&kernel) };
    let mut machine = machine(&RAM);
    machine.state.firmware_map = Some(Vec::new());
    let error = plan(&machine, &by_kernel, &Rules::LINUX).unwrap_err();
    assert_eq!((&error, error.errno()), (&PlanError::Elf(ElfError::NoFileLoad), Some("ENOEXEC")));
    let found = remedies(&machine, &by_kernel, &Rules::LINUX, &error);
    assert_eq!(found, [Remedy::OtherLoader(Loader::KexecLoad)]);
}

#[test]
fn a_smaller_initrd_is_what_helps_where_896_mib_bind() {
    let kernel = kernel(&[(0x100_0000, 0x100_0000)]);
    let large = Request { initrd: Some(0x3600_0001), ..request(&kernel) };
    let error = plan(&machine(&RAM), &large, &Rules::LINUX).unwrap_err();
    let found = remedies(&machine(&RAM), &large, &Rules::LINUX, &error);
    let smaller = Remedy::SmallerInitrd { largest: 0x3600_0000, given: 0x3600_0001 };
    assert_eq!(found, [smaller]);
}

proptest! {
    #[test]
    fn no_header_value_makes_a_plan_panic_or_break_its_promises(
        parts in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0..64_u32), 0..40),
        initrd in any::<u64>(),
        is_crash in any::<bool>(),
        is_by_kernel in any::<bool>(),
    ) {
        let segment = |(start, size, loaded, shift): (u64, u64, u64, u32)| {
            // Small numbers, and whole pages, are seldom by chance.
            let memory = PhysRange::from_size(start >> shift & !0xfff, (size >> shift).max(1)).ok()?;
            Some(ElfSegment { memory, loaded: loaded >> shift })
        };
        let kernel = ElfKernel { segments: parts.into_iter().filter_map(segment).collect() };
        let request = Request {
            purpose: if is_crash { Purpose::Crash } else { Purpose::Reboot },
            loader: if is_by_kernel { Loader::KexecFileLoad } else { Loader::KexecLoad },
            initrd: Some(initrd),
            ..request(&kernel)
        };
        if let Ok(plan) = plan(&machine(&RAM), &request, &Rules::LINUX) {
            prop_assert!(!is_by_kernel && plan.segments.len() <= 16);
            for (index, segment) in plan.segments.iter().enumerate() {
                prop_assert!(segment.loaded <= segment.range.size());
                prop_assert!(plan.segments.iter().skip(index + 1).all(|other| !other.range.overlaps(segment.range)));
            }
        }
    }
}
