use evidence::{Purpose, Source};
use machine::{EfiRuntime, KernelState, Kho};
use proptest::prelude::*;

use super::*;
use crate::place::removable::removable;
use crate::request::{Caller, Request};
use crate::testing::{self, KERNEL, x86_with};
use crate::{Plan, plan};

/// Boot memory with a crash kernel's area, a DIMM that the firmware's map lists by now, memory that a driver manages, and
/// memory that the firmware keeps for a driver.
pub(crate) const IOMEM: &str = "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n0009fc00-0009ffff : Reserved\n\
                     00100000-7ffdffff : System RAM\n  6b000000-7affffff : Crash kernel\n7ffe0000-7fffffff : Reserved\n\
                     100000000-11fffffff : System RAM\n140000000-17fffffff : System RAM (kmem)\n\
                     180000000-1bfffffff : Soft Reserved\n";

pub(crate) const REQUEST: Request<'_> =
    Request { loader: Loader::KexecLoad, caller: Caller::Physmem, ..testing::REQUEST };
pub(crate) const CRASH: Request<'_> = Request { purpose: Purpose::Crash, ..REQUEST };

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

pub(crate) fn entry(start: u64, end: u64, kind: E820Type) -> Entry {
    Entry { range: r(start, end), kind }
}

/// The firmware's map; the DIMM was added last.
fn map() -> Vec<Entry> {
    vec![
        entry(0, 0x9_fc00, E820Type::Ram),
        entry(0x9_fc00, 0xa_0000, E820Type::Reserved),
        entry(0x10_0000, 0x7ffe_0000, E820Type::Ram),
        entry(0x7ffe_0000, 0x8000_0000, E820Type::Reserved),
        entry(0x1_8000_0000, 0x1_c000_0000, E820Type::SoftReserved),
        entry(0x1_0000_0000, 0x1_2000_0000, E820Type::Ram),
    ]
}

pub(crate) fn state() -> KernelState {
    KernelState {
        firmware_map: Some(map()),
        firmware_map_now: Some(map()),
        possible_cpus: Some(2),
        crash_elfcorehdr_size: Some(917_616),
        efi_runtime: Some(EfiRuntime::default()),
        ..KernelState::default()
    }
}

pub(crate) fn machine_with(iomem: &str, state: KernelState) -> Machine {
    let mut machine = x86_with(iomem, state);
    let listed: RangeSet = machine.state.firmware_map_now.iter().flatten().map(|entry| entry.range).collect();
    for memory in &mut machine.ranges {
        memory.listed_by_firmware = listed.overlaps(memory.range);
        if memory.range.start() == 0x1_0000_0000 {
            memory.class = Some(rules::Class::HotAdded);
        }
    }
    machine
}

fn planned(request: &Request<'_>) -> Plan {
    plan(&machine_with(IOMEM, state()), request, &Rules::LINUX).unwrap()
}

fn starts(plan: &Plan) -> Vec<(&'static str, u64)> {
    plan.segments.iter().map(|segment| (segment.kind.as_str(), segment.range.start())).collect()
}

#[test]
fn segments_go_to_the_top_of_the_highest_memory_that_the_next_kernel_knows() {
    let reboot = planned(&REQUEST);
    assert_eq!(
        starts(&reboot),
        [
            ("purgatory", 0x1_1fff_f000),
            ("boot-params", 0x1_1fff_d000),
            ("kernel", 0x1_1c80_0000),
            ("initrd", 0x1_1c0a_1000),
        ]
    );
    assert_eq!(reboot.command_line, "quiet");
}

#[test]
fn nothing_lies_in_memory_that_a_driver_manages_or_that_the_next_kernel_is_not_told_about() {
    // Without the DIMM in the map, it is no place either.
    let mut without = state();
    without.firmware_map_now.as_mut().unwrap().pop();
    let plan = plan(&machine_with(IOMEM, without), &REQUEST, &Rules::LINUX).unwrap();
    assert!(plan.segments.iter().all(|segment| segment.range.end() <= 0x7ffe_0000), "{:?}", plan.segments);
    // An entry of another type over RAM wins in the next kernel.
    let mut over = state();
    over.firmware_map_now.as_mut().unwrap().push(entry(0x1_1000_0000, 0x1_2000_0000, E820Type::Unusable));
    let plan = crate::plan(&machine_with(IOMEM, over), &REQUEST, &Rules::LINUX).unwrap();
    assert!(plan.segments.iter().all(|segment| segment.range.end() <= 0x1_1000_0000), "{:?}", plan.segments);
}

#[test]
fn memory_that_can_be_unplugged_is_avoided_on_request() {
    let machine = machine_with(IOMEM, state());
    let avoiding = Request { avoid_removable: true, ..REQUEST };
    let plan = plan(&machine, &avoiding, &Rules::LINUX).unwrap();
    let removable = removable(&machine, &Rules::LINUX).unwrap();
    assert!(removable.iter().any(|range| range.start() == 0x1_0000_0000), "{removable:?}");
    assert!(plan.segments.iter().all(|segment| removable.iter().all(|one| !one.overlaps(segment.range))));
}

/// Seen in guests of Linux 6.12 and 7.3: told of a DIMM that was unplugged since the load, the next kernel puts page
/// tables into it and dies, wherever the image lies.
#[test]
fn where_memory_that_can_be_unplugged_is_avoided_the_next_kernel_is_not_told_about_it() {
    let dimm = entry(0x1_0000_0000, 0x1_2000_0000, E820Type::Ram);
    assert!(planned(&REQUEST).next_kernel.contains(&dimm));
    let plan = planned(&Request { avoid_removable: true, ..REQUEST });
    let mut stays = map();
    stays.retain(|entry| *entry != dimm);
    stays.sort_by_key(|entry| entry.range);
    assert_eq!(plan.next_kernel, stays);
    // Of an entry that goes on behind the DIMM, the rest is told.
    let mut merged = state();
    let last = merged.firmware_map_now.as_mut().unwrap().last_mut().unwrap();
    *last = entry(0xf000_0000, 0x1_2000_0000, E820Type::Ram);
    let avoiding = Request { avoid_removable: true, ..REQUEST };
    let plan = crate::plan(&machine_with(IOMEM, merged), &avoiding, &Rules::LINUX).unwrap();
    assert!(
        plan.next_kernel.contains(&entry(0xf000_0000, 0x1_0000_0000, E820Type::Ram)),
        "{:?}",
        plan.next_kernel
    );
}

#[test]
fn the_map_is_the_firmwares_with_its_own_types_and_what_was_added_by_address() {
    let mut sorted = map();
    sorted.sort_by_key(|entry| entry.range);
    let plan = planned(&REQUEST);
    assert_eq!((plan.next_kernel, plan.next_kernel_lacks), (sorted, Vec::new()));
}

#[test]
fn a_map_of_more_than_128_entries_is_handed_on_whole_and_makes_the_boot_parameters_larger() {
    let many = |entries: u64| {
        let mut state = state();
        let reserved =
            |n: u64| entry(0x2_0000_0000 + n * 0x2000, 0x2_0000_1000 + n * 0x2000, E820Type::Reserved);
        state.firmware_map_now.as_mut().unwrap().extend((6..entries).map(reserved));
        let plan = plan(&machine_with(IOMEM, state), &REQUEST, &Rules::LINUX).unwrap();
        assert!(plan.next_kernel_lacks.is_empty());
        let parameters = plan.segment(SegmentKind::BootParameters).unwrap().loaded;
        (plan.next_kernel.len(), parameters)
    };
    assert_eq!((many(128), many(129), many(400)), ((128, 0x1040), (129, 0x1070), (400, 0x2590)));
}

#[test]
fn a_crash_kernel_is_placed_told_and_dumps_as_by_kexec_file_load() {
    let own = planned(&CRASH);
    let by_file = plan(
        &machine_with(IOMEM, state()),
        &Request { loader: Loader::KexecFileLoad, ..CRASH },
        &Rules::LINUX,
    )
    .unwrap();
    assert_eq!(own.command_line, "elfcorehdr=0x6b000000 quiet");
    assert_eq!(own.command_line, by_file.command_line);
    assert_eq!(own.next_kernel, by_file.next_kernel);
    assert_eq!(own.vmcore, by_file.vmcore);
    assert!(own.vmcore.contains(&r(0x1_4000_0000, 0x1_8000_0000)), "{:?}", own.vmcore);
    let header = |plan: &Plan| plan.segment(SegmentKind::ElfCoreHeader).cloned();
    assert_eq!(header(&own), header(&by_file));
    assert!(own.segments.iter().all(|segment| r(0x6b00_0000, 0x7b00_0000).encloses(segment.range)));
}

#[test]
fn a_crash_kernels_map_of_more_than_128_entries_is_handed_on_whole() {
    let hole =
        |n: u64| format!("{:x}-{:x} : Reserved\n", 0x2_0000_0000 + n * 0x2000, 0x2_0000_0fff + n * 0x2000);
    let holes = (0..200).map(hole).collect::<Vec<_>>().concat();
    let machine = machine_with(&format!("{IOMEM}{holes}"), state());
    let own = plan(&machine, &CRASH, &Rules::LINUX).unwrap();
    assert_eq!((own.next_kernel.len(), own.next_kernel_lacks.len()), (205, 0));
    let by_file = plan(&machine, &Request { loader: Loader::KexecFileLoad, ..CRASH }, &Rules::LINUX).unwrap();
    assert_eq!([by_file.next_kernel, by_file.next_kernel_lacks].concat(), own.next_kernel);
}

#[test]
fn what_a_kernel_cannot_reach_above_4_gib_is_kept_below() {
    let low = SetupHeader { above_4g: false, ..KERNEL };
    let request = Request { kernel: KernelImage::BzImage(low), ..REQUEST };
    assert!(planned(&request).segments.iter().all(|segment| segment.range.end() <= BELOW_4G));
}

#[test]
fn a_kernel_lies_at_its_alignment_and_never_below_its_preferred_address() {
    let with = |pref_address| {
        let kernel = SetupHeader { pref_address, kernel_alignment: 0x100_0000, ..KERNEL };
        plan(
            &machine_with(IOMEM, state()),
            &Request { kernel: KernelImage::BzImage(kernel), ..REQUEST },
            &Rules::LINUX,
        )
    };
    assert_eq!(with(0x100_0000).unwrap().segment(SegmentKind::Kernel).unwrap().range.start(), 0x1_1c00_0000);
    assert!(matches!(with(0x1_1d00_0000), Err(PlanError::NoHole { kind: SegmentKind::Kernel, .. })));
}

#[test]
fn a_command_line_that_is_too_long_with_what_is_added_is_refused() {
    let of = |letters: usize, purpose| {
        let line = "x".repeat(letters);
        plan(
            &machine_with(IOMEM, state()),
            &Request { command_line: &line, purpose, ..REQUEST },
            &Rules::LINUX,
        )
    };
    assert!(of(2046, Purpose::Reboot).is_ok());
    let error = PlanError::CommandLineTooLong { length: 2048, added: 0, most: 2047 };
    assert_eq!(of(2047, Purpose::Reboot), Err(error));
    let added = 22;
    assert!(of(2046 - 22, Purpose::Crash).is_ok());
    let error = PlanError::CommandLineTooLong { length: 2047 - added + 1, added, most: 2047 };
    assert_eq!(of(2025, Purpose::Crash), Err(error));
}

#[test]
fn other_kernels_and_machines_that_do_not_show_their_map_are_refused() {
    let machine = machine_with(IOMEM, state());
    let elf = crate::ElfKernel { segments: Vec::new() };
    let request = Request { kernel: KernelImage::Elf(&elf), ..REQUEST };
    assert_eq!(plan(&machine, &request, &Rules::LINUX), Err(PlanError::NotByPhysmem));
    for map in [None, Some(Vec::new())] {
        let machine = x86_with(IOMEM, KernelState { firmware_map_now: map, ..state() });
        assert_eq!(plan(&machine, &REQUEST, &Rules::LINUX), Err(PlanError::NoFirmwareMap));
    }
    let mut hidden = machine;
    hidden.evidence.resources = Source::Missing;
    assert_eq!(plan(&hidden, &REQUEST, &Rules::LINUX), Err(PlanError::NoIomem));
}

#[test]
fn what_the_next_kernel_loses_of_efi_is_said() {
    let says = |efi_runtime, acpi_rsdp| {
        let machine = machine_with(IOMEM, KernelState { efi_runtime, acpi_rsdp, ..state() });
        plan(&machine, &REQUEST, &Rules::LINUX)
            .unwrap()
            .assumed
            .iter()
            .filter(|one| format!("{one:?}").contains("EFI"))
            .count()
    };
    let efi = EfiRuntime { entries: 9, descriptor: 48 };
    assert_eq!((says(Some(EfiRuntime::default()), None), says(Some(efi), Some(1))), (0, 1));
}

#[test]
fn handovers_scratch_areas_bind_no_load_by_a_program_even_if_nothing_shows_them() {
    let machine = |kho| machine_with(IOMEM, KernelState { kho, ..state() });
    let of = |kho, request: &Request<'_>| plan(&machine(kho), request, &Rules::LINUX);
    assert_eq!(of(Kho::Unknown, &REQUEST), of(Kho::Off, &REQUEST));
    let by_tools = Request { caller: Caller::KexecTools, ..REQUEST };
    assert_eq!(of(Kho::Unknown, &by_tools), of(Kho::Off, &by_tools));
    let by_file = Request { loader: Loader::KexecFileLoad, ..REQUEST };
    assert_eq!(of(Kho::Unknown, &by_file), Err(PlanError::NoScratch));
}

proptest! {
    #[test]
    fn segments_do_not_overlap_and_lie_in_told_ram_whatever_the_sizes(
        sizes in (1..64_u64 << 20, 0..8_u64 << 20, prop::option::of(1..96_u64 << 20)),
        order in 12..25_u32,
        crash in any::<bool>(),
        above_4g in any::<bool>(),
    ) {
        let (init_size, file, initrd) = sizes;
        let kernel = SetupHeader {
            file_size: file.min(init_size) + 0x5001,
            init_size,
            kernel_alignment: 1 << order,
            above_4g,
            ..KERNEL
        };
        let request = Request {
            purpose: if crash { Purpose::Crash } else { Purpose::Reboot },
            kernel: KernelImage::BzImage(kernel),
            initrd,
            ..REQUEST
        };
        if let Ok(plan) = plan(&machine_with(IOMEM, state()), &request, &Rules::LINUX) {
            let told: RangeSet =
                plan.next_kernel.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect();
            for (index, segment) in plan.segments.iter().enumerate() {
                prop_assert!(plan.segments.iter().skip(index + 1).all(|o| !o.range.overlaps(segment.range)));
                prop_assert!(segment.range.start().is_multiple_of(segment.alignment));
                prop_assert!(!segment.range.overlaps(r(0x1_4000_0000, 0x1_8000_0000)));
                if segment.kind != SegmentKind::ElfCoreHeader {
                    prop_assert_eq!(told.bytes_within(segment.range), segment.range.size());
                }
            }
        }
    }
}
