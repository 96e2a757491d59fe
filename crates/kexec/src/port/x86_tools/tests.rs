//! The edges of each rule, as kexec-tools 2.0.25 was seen to keep them where its maps were made up to find them.

use evidence::Purpose;
use firmware::e820::{E820Type, Entry};
use images::SetupHeader;
use machine::{EfiRuntime, KernelState};
use memblock::PhysRange;
use rules::{Loader, Rules};

use super::*;
use crate::plan::{Plan, plan};
use crate::request::Request;
use crate::segment::SegmentKind;
use crate::testing::{self, KERNEL, x86_with};

pub(crate) const REQUEST: Request<'_> =
    Request { loader: Loader::KexecLoad, initrd: Some(0x1388), command_line: "x", ..testing::REQUEST };

pub(crate) const IOMEM: &str = "\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000f0000-000fffff : Reserved
00100000-7ffdffff : System RAM
  6f000000-7effffff : Crash kernel
7ffe0000-7fffffff : Reserved
fffc0000-ffffffff : Reserved
fd00000000-ffffffffff : Reserved
";

fn r(start: u64, last: u64) -> PhysRange {
    PhysRange::from_inclusive(start, last).unwrap()
}

/// What a load finds in a kernel whose firmware has this RAM.
pub(crate) fn state(map: &[(u64, u64)]) -> KernelState {
    let ram = |&(start, last): &(u64, u64)| Entry { range: r(start, last), kind: E820Type::Ram };
    KernelState {
        firmware_map_now: Some(map.iter().map(ram).collect()),
        possible_cpus: Some(1),
        acpi_rsdp: Some(0xf_59c0),
        ..KernelState::default()
    }
}

fn plan_on(map: &[(u64, u64)], request: &Request<'_>) -> Result<Plan, PlanError> {
    plan(&x86_with(IOMEM, state(map)), request, &Rules::LINUX)
}

const RAM: [(u64, u64); 2] = [(0, 0x9_fbff), (0x10_0000, 0x7ffd_ffff)];

fn with(kernel: SetupHeader) -> Request<'static> {
    Request { kernel: KernelImage::BzImage(kernel), ..REQUEST }
}

/// Start, memsz and bufsz.
fn found(plan: &Plan, kind: SegmentKind) -> (u64, u64, u64) {
    let segment = plan.segment(kind).unwrap();
    (segment.range.start(), segment.range.size(), segment.loaded)
}

#[test]
fn boot_parameters_are_the_setup_code_64_bytes_and_the_command_line() {
    let size = |setup_sects, letters: usize| {
        let line = "x".repeat(letters);
        let kernel = SetupHeader { setup_sects, cmdline_size: 0x4000, ..KERNEL };
        let plan = plan_on(&RAM, &Request { command_line: &line, ..with(kernel) }).unwrap();
        let (_, size, loaded) = found(&plan, SegmentKind::BootParameters);
        (loaded, size)
    };
    assert_eq!(size(39, 0), (0x5041, 0x6000));
    assert_eq!(size(39, 100), (0x50a5, 0x6000));
    assert_eq!((size(39, 4031), size(39, 4032)), ((0x6000, 0x6000), (0x6001, 0x7000)));
    assert_eq!((size(31, 1), size(42, 1)), ((0x4042, 0x5000), (0x5642, 0x6000)));
    // 5 sectors are less than a page.
    assert_eq!(size(0, 1), (0x1042, 0x2000));
}

#[test]
fn a_command_line_is_held_against_the_header_as_given_and_against_2048_bytes_when_added_to() {
    let is_planned = |purpose, cmdline_size, letters: usize| {
        let line = "x".repeat(letters);
        let request =
            Request { purpose, command_line: &line, ..with(SetupHeader { cmdline_size, ..KERNEL }) };
        match plan_on(&RAM, &request) {
            Ok(_) => None,
            Err(PlanError::CommandLineTooLong { length, added, most }) => Some((length, added, most)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(is_planned(Purpose::Reboot, 2047, 2046), None);
    assert_eq!(is_planned(Purpose::Reboot, 2047, 2047), Some((2048, 0, 2047)));
    assert_eq!(is_planned(Purpose::Reboot, 0x4000, 4000), None);
    assert_eq!(is_planned(Purpose::Crash, 2047, 2009), None);
    assert_eq!(is_planned(Purpose::Crash, 2047, 2010), Some((2011, 38, 2048)));
    // Longer than the kernel takes, and nobody minds.
    assert_eq!(is_planned(Purpose::Crash, 255, 250), None);
    assert_eq!(is_planned(Purpose::Crash, 255, 255), Some((256, 0, 255)));
}

#[test]
fn each_segment_keeps_above_its_lowest_start() {
    let small = SetupHeader { kernel_alignment: 0x1000, init_size: 0xf_6000, file_size: 0x6000, ..KERNEL };
    let lowest = |last: u64, init_size: u64| {
        let map: &[(u64, u64)] = match last {
            ..0xa_0000 => &[(0, last)],
            _ => &[(0, 0x9_fbff), (0x10_0000, last)],
        };
        match plan_on(map, &with(SetupHeader { init_size, ..small })) {
            Err(PlanError::NoHole { kind, min, .. }) => Err((kind, min)),
            plan => Ok(plan.unwrap().segment(SegmentKind::Initrd).unwrap().range.start()),
        }
    };
    assert_eq!(lowest(0xafff, 0x1000), Err((SegmentKind::Purgatory, 0x3000)));
    assert_eq!(lowest(0xbfff, 0x1000), Err((SegmentKind::BootParameters, 0x3000)));
    assert_eq!(lowest(0x1_0fff, 0x1000), Err((SegmentKind::BootParameters, 0x3000)));
    assert_eq!(lowest(0x1_1fff, 0x1000), Err((SegmentKind::Kernel, 0x10_0000)));
    assert_eq!(lowest(0x1f_ffff, 0xf_6000), Err((SegmentKind::Kernel, 0x10_0000)));
    assert_eq!(lowest(0x20_4fff, 0xf_6000), Err((SegmentKind::Initrd, 0x100_0000)));
    assert_eq!(lowest(0x101_0fff, 0x1000), Err((SegmentKind::Initrd, 0x100_0000)));
    assert_eq!(lowest(0x101_1fff, 0x1000), Ok(0x100_0000));
}

#[test]
fn a_kernel_lies_below_the_address_it_prefers_where_that_is_the_highest_place() {
    let start = |last| {
        let plan = plan_on(&[(0, 0x9_fbff), (0x10_0000, last)], &REQUEST).unwrap();
        plan.segment(SegmentKind::Kernel).unwrap().range.start()
    };
    assert_eq!(
        [start(0x4ff_ffff), start(0x47f_ffff), start(0x39f_ffff)],
        [0x180_0000, 0x100_0000, 0x20_0000]
    );
}

#[test]
fn ram_is_not_joined_and_its_edges_inside_pages_are_left_out() {
    let cut = [(0, 0x9_ffff), (0x10_0000, 0x1ff_ffff), (0x200_0000, 0x3ff_ffff), (0x400_0000, 0x4ff_ffff)];
    let error = plan_on(&cut, &REQUEST).unwrap_err();
    assert!(matches!(error, PlanError::NoHole { kind: SegmentKind::Kernel, .. }), "{error}");
    let odd = [(0, 0x9_ffff), (0x10_0800, 0x47e_e7ff), (0x500_0800, 0x580_0fff), (0x600_0000, 0x600_67ff)];
    let plan = plan_on(&odd, &REQUEST).unwrap();
    let starts: Vec<u64> = plan.segments.iter().map(|segment| segment.range.start()).collect();
    assert_eq!(starts, [0x57f_8000, 0x600_0000, 0x100_0000, 0x57f_6000, 0x10_1000]);
}

#[test]
fn entries_behind_the_128th_and_what_efi_is_to_know_are_setup_data_before_the_seed() {
    let setup_data = |entries: u64, efi_ranges| {
        // The last entry has room for all, the others for nothing.
        let small = (1..entries).map(|entry| (entry * 0x1000, entry * 0x1000 + 0x7ff));
        let map: Vec<(u64, u64)> = small.chain([(0x20_0000, 0x7ffd_ffff)]).collect();
        let efi_runtime = Some(EfiRuntime { entries: efi_ranges, descriptor: 48 });
        // Of what the kernel uses and the map lacks, the rules would have the next kernel told.
        let iomem = "00200000-7ffdffff : System RAM\n";
        let machine = x86_with(iomem, KernelState { efi_runtime, ..state(&map) });
        let plan = plan(&machine, &REQUEST, &Rules::LINUX).unwrap();
        assert_eq!((plan.next_kernel.len(), plan.next_kernel_lacks.len()), (map.len(), 0));
        let of = plan.segments.iter().filter(|segment| segment.kind == SegmentKind::SetupData);
        of.map(|segment| (segment.range.start(), segment.loaded)).collect::<Vec<_>>()
    };
    assert_eq!(setup_data(128, 0), [(0x20_0000, 0x30)]);
    assert_eq!(setup_data(129, 0), [(0x20_0000, 0x24), (0x20_1000, 0x30)]);
    assert_eq!(setup_data(204, 0), [(0x20_0000, 0x600), (0x20_1000, 0x30)]);
    assert_eq!(setup_data(3, 6), [(0x20_0000, 0x70), (0x20_1000, 0xf0), (0x20_2000, 0x30)]);
}

#[test]
fn setup_data_goes_to_the_first_whole_page_above_1_mib() {
    let map = [
        (0, 0x9_ffff),
        (0x18_0000, 0x18_07ff),
        (0x19_0800, 0x19_17ff),
        (0x1a_0800, 0x1a_1fff),
        (0x20_0000, 0x4ff_ffff),
    ];
    assert_eq!(found(&plan_on(&map, &REQUEST).unwrap(), SegmentKind::SetupData), (0x1a_1000, 0x1000, 0x30));
}

#[test]
fn a_crash_kernel_that_leaves_no_place_below_it_has_its_seed_above() {
    let areas = |last: &str| IOMEM.replace("7effffff : Crash", &format!("{last} : Crash"));
    let on = |last| {
        let machine = x86_with(&areas(last), state(&[]));
        let plan = plan(&machine, &Request { purpose: Purpose::Crash, ..REQUEST }, &Rules::LINUX);
        let plan = plan.unwrap();
        assert_eq!(plan.vmcore.len(), 3);
        (found(&plan, SegmentKind::Kernel).0, found(&plan, SegmentKind::SetupData).0)
    };
    assert_eq!(on("72a00fff"), (0x6f00_0000, 0x727e_e000));
    assert_eq!(on("72b00fff"), (0x6f20_0000, 0x6f00_0000));
    assert_eq!(on("72d00fff"), (0x6f40_0000, 0x6f00_0000));
}
