use evidence::Purpose;
use machine::{Configured, ContiguousArea, EfiRuntime, KernelState, Kho};
use proptest::prelude::*;

use super::*;
use crate::context::SearchSpace;
use crate::request::Request;
use crate::testing::{KERNEL, REQUEST, x86_with};
use crate::{Plan, plan};

const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n  \
                     6b000000-7affffff : Crash kernel\n140000000-17fffffff : System RAM (kmem)\n";

fn state() -> KernelState {
    KernelState {
        firmware_map: Some(Vec::new()),
        possible_cpus: Some(2),
        crash_elfcorehdr_size: Some(917_616),
        ..KernelState::default()
    }
}

/// Bytes of the boot parameters of a load that finds this in the kernel.
fn parameters(state: KernelState, request: &Request<'_>) -> Result<u64, PlanError> {
    let machine = x86_with(IOMEM, state);
    let space = SearchSpace::new(Vec::new(), machine.kernel.page_size);
    let context = LoadContext { machine: &machine, request, rules: &Rules::LINUX, space, crash: None };
    boot_parameters_size(&context, &KERNEL)
}

fn plan_on(iomem: &str, request: &Request<'_>) -> Result<Plan, PlanError> {
    plan(&x86_with(iomem, state()), request, &Rules::LINUX)
}

#[test]
fn boot_parameters_grow_by_16_bytes_with_the_command_line_and_with_the_efi_map() {
    let size = |letters: usize, efi_map| {
        let command_line = "x".repeat(letters);
        let efi_runtime = Some(EfiRuntime { entries: 1, descriptor: efi_map });
        let state = KernelState { efi_runtime, ..state() };
        parameters(state, &Request { command_line: &command_line, ..REQUEST }).unwrap()
    };
    // 1 for the NUL and 30 for elfcorehdr=: 16 bytes end with the 1st letter, and with the 17th.
    assert_eq!((size(1, 0), size(2, 0), size(17, 0), size(18, 0)), (0x10c0, 0x10d0, 0x10d0, 0x10e0));
    assert_eq!(size(1, 1), 0x10d0);
    let configured = Configured { measurements: true, ..Configured::default() };
    let request = Request { command_line: "x", ..REQUEST };
    assert_eq!(parameters(KernelState { configured, ..state() }, &request), Ok(0x10c0 + 32));
}

#[test]
fn a_command_line_longer_than_the_header_says_is_refused() {
    let request = |letters: usize, purpose| {
        let command_line = "x".repeat(letters);
        parameters(state(), &Request { command_line: &command_line, purpose, ..REQUEST })
    };
    // Linux 6.12.117 was seen to refuse 2017 letters for a reboot, too.
    for purpose in [Purpose::Reboot, Purpose::Crash] {
        assert!(request(2016, purpose).is_ok());
        assert_eq!(
            request(2017, purpose),
            Err(PlanError::CommandLineTooLong { length: 2018, added: 30, most: 2047 })
        );
    }
}

#[test]
fn driver_managed_memory_is_dumped_and_never_chosen() {
    let reboot = plan_on(IOMEM, &REQUEST).unwrap();
    assert!(reboot.segments.iter().all(|segment| segment.range.end() <= 0x7ffe_0000));
    let crash = plan_on(IOMEM, &Request { purpose: Purpose::Crash, ..REQUEST }).unwrap();
    let r = |start, end| PhysRange::new(start, end).unwrap();
    assert_eq!(
        crash.vmcore,
        [r(0x10_0000, 0x6b00_0000), r(0x7b00_0000, 0x7ffe_0000), r(0x1_4000_0000, 0x1_8000_0000)]
    );
    assert_eq!(crash.command_line, "elfcorehdr=0x6b000000 quiet");
}

#[test]
fn where_nothing_counts_cpus_a_plan_for_crashes_assumes_one_and_says_so() {
    let crash = Request { purpose: Purpose::Crash, ..REQUEST };
    let with = |possible_cpus| {
        plan(&x86_with(IOMEM, KernelState { possible_cpus, ..state() }), &crash, &Rules::LINUX).unwrap()
    };
    let (unknown, one) = (with(None), with(Some(1)));
    assert_eq!(unknown.segments, one.segments);
    let says =
        |plan: &Plan| plan.assumed.iter().any(|assumed| assumed.effect.starts_with("assumed to be one"));
    assert!(says(&unknown) && !says(&one), "{:?}", unknown.assumed);
}

#[test]
fn without_an_initial_ramdisk_there_is_no_segment_for_it() {
    for initrd in [None, Some(0)] {
        let plan = plan_on(IOMEM, &Request { initrd, ..REQUEST }).unwrap();
        assert!(plan.segment(SegmentKind::Initrd).is_none());
        assert_eq!(plan.segments.len(), 3);
    }
}

#[test]
fn a_crash_kernel_that_does_not_fit_says_what_was_looked_for() {
    let small = IOMEM.replace("7affffff : Crash", "6bffffff : Crash");
    let error = plan_on(&small, &Request { purpose: Purpose::Crash, ..REQUEST }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kernel: no hole of 0x37ee000 bytes at a multiple of 0x200000, at or above 0x1000000; the largest range has 0x1000000 bytes"
    );
    let none = "00100000-7ffdffff : System RAM\n";
    let error = plan_on(none, &Request { purpose: Purpose::Crash, ..REQUEST }).unwrap_err();
    assert_eq!(error, PlanError::NoCrashKernel);
}

#[test]
fn each_segment_keeps_above_its_lowest_start() {
    let small = SetupHeader { pref_address: 0, init_size: 0x1000, file_size: 0x6000, ..KERNEL };
    let request = Request { kernel: KernelImage::BzImage(small), ..REQUEST };
    let failing = |iomem: &str| match plan_on(iomem, &request) {
        Err(PlanError::NoHole { kind, min, .. }) => (kind, min),
        other => panic!("{other:?}"),
    };
    assert_eq!(failing("00001000-00006fff : System RAM\n"), (SegmentKind::Purgatory, 0x3000));
    assert_eq!(failing("00001000-00008fff : System RAM\n"), (SegmentKind::BootParameters, 0x3000));
    assert_eq!(failing("00001000-0009ffff : System RAM\n"), (SegmentKind::Kernel, 0x10_0000));
    assert_eq!(failing("00100000-00ffffff : System RAM\n"), (SegmentKind::Initrd, 0x100_0000));
}

#[test]
fn a_kernel_file_that_ends_in_its_setup_code_or_outgrows_init_size_is_refused() {
    let with = |kernel| plan_on(IOMEM, &Request { kernel: KernelImage::BzImage(kernel), ..REQUEST });
    let short = SetupHeader { file_size: 40 * 512, ..KERNEL };
    assert_eq!(with(short), Err(PlanError::NoKernel { file_size: 40 * 512 }));
    let outgrown = SetupHeader { init_size: 0x1000, ..KERNEL };
    let error = PlanError::TooSmall { kind: SegmentKind::Kernel, loaded: 0xb8_17c0, size: 0x1000 };
    assert_eq!(with(outgrown), Err(error));
}

proptest! {
    #[test]
    fn no_header_value_makes_a_plan_panic_or_break_its_promises(
        header in any::<(u64, u8, u64, u64, u64, u64)>(),
        alignment in 0..64_u32,
        aligned in any::<bool>(),
        small in any::<bool>(),
        initrd in any::<Option<u64>>(),
        sizes in any::<(u64, u64)>(),
        crash in any::<bool>(),
    ) {
        let (file_size, setup_sects, pref_address, odd, init_size, cmdline_size) = header;
        // Half of the values are of the size that real ones are.
        let scale = |value: u64| if small { value % 0x200_0000 } else { value };
        let request = Request {
            purpose: if crash { Purpose::Crash } else { Purpose::Reboot },
            loader: Loader::KexecFileLoad,
            kernel: KernelImage::BzImage(SetupHeader {
                file_size: scale(file_size),
                setup_sects,
                pref_address: scale(pref_address),
                kernel_alignment: if aligned { 1 << (alignment % 30) } else { odd },
                init_size: if small { file_size % 0x200_0000 + init_size % 0x10_0000 } else { init_size },
                cmdline_size,
                above_4g: true,
            }),
            initrd: initrd.map(scale),
            command_line: "quiet",
            purgatory: Some(Purgatory { loaded: scale(sizes.0.min(sizes.1)), size: scale(sizes.1) }),
            ..REQUEST
        };
        if let Ok(plan) = plan_on(IOMEM, &request) {
            let area = if crash { 0x6b00_0000..0x7b00_0000 } else { 0x1000..0x7ffe_0000 };
            for (index, segment) in plan.segments.iter().enumerate() {
                prop_assert!(area.contains(&segment.range.start()) && segment.range.last() < area.end);
                prop_assert!(segment.range.start().is_multiple_of(segment.alignment));
                prop_assert!(segment.loaded <= segment.range.size());
                prop_assert!(plan.segments.iter().skip(index + 1).all(|o| !o.range.overlaps(segment.range)));
            }
        }
    }
}

#[test]
fn with_handover_on_segments_go_into_its_areas_in_their_order_and_nowhere_else() {
    let r = |start, end| PhysRange::new(start, end).unwrap();
    // The first is too small for the kernel, the second lies below the third.
    let areas = vec![r(0x100_0000, 0x200_0000), r(0x1000_0000, 0x1800_0000), r(0x4000_0000, 0x4800_0000)];
    let machine = x86_with(IOMEM, KernelState { kho: Kho::On(areas), ..state() });
    let plan_with = |request: &Request<'_>| plan(&machine, request, &Rules::LINUX);
    let starts: Vec<_> =
        plan_with(&REQUEST).unwrap().segments.iter().map(|s| (s.kind.as_str(), s.range.start())).collect();
    assert_eq!(
        starts,
        [
            ("kho-scratch", 0x1ff_0000),
            ("purgatory", 0x1ff_b000),
            ("boot-params", 0x1ff_9000),
            ("kernel", 0x1480_0000),
            ("initrd", 0x189_1000),
        ]
    );
    let large = Request { initrd: Some(0x900_0000), ..REQUEST };
    assert!(matches!(plan_with(&large), Err(PlanError::NoHole { kind: SegmentKind::Initrd, .. })));
    // A crash kernel goes into its own area all the same.
    let crash = plan_with(&Request { purpose: Purpose::Crash, ..REQUEST }).unwrap();
    assert!(crash.segments.iter().all(|segment| r(0x6b00_0000, 0x7b00_0000).encloses(segment.range)));
}

/// Where each segment of a reboot goes on a machine of this release with this contiguous area.
fn on_release(
    release: &str,
    contiguous: Option<ContiguousArea>,
    request: &Request<'_>,
) -> Vec<(&'static str, u64)> {
    let mut machine = x86_with(IOMEM, KernelState { contiguous, ..state() });
    machine.kernel.release = Some(release.into());
    let plan = plan(&machine, request, &Rules::LINUX).unwrap();
    plan.segments.iter().map(|segment| (segment.kind.as_str(), segment.range.start())).collect()
}

#[test]
fn a_kernel_before_6_8_searches_ranges_upwards_each_from_its_top() {
    let old = [
        ("purgatory", 0x9_a000),
        ("boot-params", 0x9_8000),
        ("kernel", 0x7c60_0000),
        ("initrd", 0x7bea_1000),
    ];
    assert_eq!(on_release("6.1.0-57-amd64", None, &REQUEST), old);
    assert_eq!(on_release("6.7.12", None, &REQUEST), old);
    assert_eq!(on_release("6.8.1", None, &REQUEST), on_release("6.12.117", None, &REQUEST));
    assert_eq!(on_release("6.8.1", None, &REQUEST)[0], ("purgatory", 0x7ffd_b000));
}

#[test]
fn segments_go_to_the_lowest_free_pages_of_the_contiguous_area_which_aligns_to_a_mib() {
    let area = |mib: u64| {
        let range = PhysRange::from_size(0x1000_0000, mib << 20).unwrap();
        Some(ContiguousArea { range, used: Some(0x10), alignment_order: 8 })
    };
    let in_area = [
        ("purgatory", 0x1001_0000),
        ("boot-params", 0x1001_5000),
        ("kernel", 0x1010_0000),
        ("initrd", 0x138e_e000),
    ];
    assert_eq!(on_release("7.3.4", area(256), &REQUEST), in_area);
    // What finds no room there goes where it went before.
    let without_room = on_release("7.3.4", area(4), &REQUEST);
    assert_eq!((without_room[1], without_room[2]), (in_area[1], ("kernel", 0x7c60_0000)));
    let usual = on_release("7.3.4", None, &REQUEST);
    assert_eq!(on_release("7.3.4", area(256), &Request { without_cma: true, ..REQUEST }), usual);
    assert_eq!(on_release("6.12.117", area(256), &REQUEST), usual);
    let crash = Request { purpose: Purpose::Crash, ..REQUEST };
    assert_eq!(on_release("7.3.4", area(256), &crash), on_release("7.3.4", None, &crash));
}

#[test]
fn the_list_of_scratch_areas_has_those_that_the_kernel_could_not_allocate() {
    let areas = vec![PhysRange::new(0x4000_0000, 0x5000_0000).unwrap()];
    let state = KernelState { kho: Kho::On(areas), handover_listed: Some(3), ..state() };
    let plan = plan(&x86_with(IOMEM, state), &REQUEST, &Rules::LINUX).unwrap();
    assert_eq!(plan.segment(SegmentKind::Handover).unwrap().loaded, 48);
}
