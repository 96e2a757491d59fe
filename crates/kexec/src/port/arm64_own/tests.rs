use evidence::snapshot::Bytes;
use evidence::{Purpose, Source};
use images::{Arm64Header, KernelImage};
use machine::Snapshot;
use vm_fdt::FdtWriter;

use super::*;
use crate::error::Arm64Error;
use crate::place::removable::removable;
use crate::request::{Caller, Request};
use crate::{Plan, plan};

/// A tree with this memory, of which what lies above 2 GiB can be unplugged.
fn tree_of(memory: &[PhysRange]) -> Vec<u8> {
    let mut tree = FdtWriter::new().unwrap();
    let root = tree.begin_node("").unwrap();
    tree.property_u32("#address-cells", 2).unwrap();
    tree.property_u32("#size-cells", 2).unwrap();
    for range in memory {
        let node = tree.begin_node(&format!("memory@{:x}", range.start())).unwrap();
        tree.property_string("device_type", "memory").unwrap();
        tree.property_array_u64("reg", &[range.start(), range.size()]).unwrap();
        if range.start() >= 1 << 31 {
            tree.property_null("hotpluggable").unwrap();
        }
        tree.end_node(node).unwrap();
    }
    let chosen = tree.begin_node("chosen").unwrap();
    tree.property_array_u64("kaslr-seed", &[0x1234]).unwrap();
    tree.end_node(chosen).unwrap();
    tree.end_node(root).unwrap();
    tree.finish().unwrap()
}

/// The tree of [`IOMEM`].
pub(crate) fn tree() -> Vec<u8> {
    tree_of(&[r(0x4000_0000, 0x5000_0000), r(0x8000_0000, 0xc000_0000)])
}

const MIB: u64 = 1 << 20;

const KERNEL: Arm64Header = Arm64Header { file_size: MIB, text_offset: 0, image_size: 4 * MIB };

pub(crate) const REQUEST: Request<'_> = Request {
    purpose: Purpose::Reboot,
    loader: Loader::KexecLoad,
    kernel: KernelImage::Arm64(KERNEL),
    initrd: Some(0x12_3456),
    command_line: "quiet",
    avoid_removable: false,
    without_cma: false,
    purgatory: None,
    tools: None,
    caller: Caller::Physmem,
};
pub(crate) const CRASH: Request<'_> = Request { purpose: Purpose::Crash, ..REQUEST };

pub(crate) const IOMEM: &str = "40000000-4fffffff : System RAM\n  40010000-401fffff : Kernel code\n  \
                     40210000-407fffff : reserved\n  48000000-4bffffff : Crash kernel\n\
                     60000000-67ffffff : System RAM (virtio_mem)\n80000000-bfffffff : System RAM\n";

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

pub(crate) fn machine_with(iomem: &str, tree: &[u8]) -> Machine {
    let snapshot = Snapshot {
        architecture: Source::Read("aarch64".into()),
        iomem: Source::Read(iomem.into()),
        device_tree: Source::Read(Bytes(tree.to_vec())),
        ..Snapshot::default()
    };
    let mut machine = Machine::of(&snapshot).unwrap();
    machine.state.possible_cpus = Some(2);
    machine
}

fn planned(iomem: &str, request: &Request<'_>) -> Result<Plan, PlanError> {
    plan(&machine_with(iomem, &tree()), request, &Rules::LINUX)
}

fn starts(plan: &Plan) -> Vec<(&'static str, u64)> {
    plan.segments.iter().map(|segment| (segment.kind.as_str(), segment.range.start())).collect()
}

fn of_kind(plan: &Plan, kind: SegmentKind) -> PhysRange {
    plan.segment(kind).unwrap().range
}

#[test]
fn the_kernel_lies_lowest_where_nothing_is_reserved_with_the_rest_around_it() {
    let found = planned(IOMEM, &REQUEST).unwrap();
    // The trampoline and the initial ramdisk fit before what is reserved; the device tree needs a block behind it.
    assert_eq!(
        starts(&found),
        [("kernel", 0x4080_0000), ("dtb", 0x40c0_0000), ("purgatory", 0x4000_0000), ("initrd", 0x4000_1000)]
    );
    assert_eq!(found.command_line, "quiet");
}

#[test]
fn nothing_lies_in_memory_that_is_the_crash_kernels_or_a_drivers_or_that_the_next_kernel_does_not_know() {
    let large = Request { initrd: Some(0x780_0000), ..REQUEST };
    // 0x40e00000 to the crash kernel's is large enough by nothing, and what the driver manages is large enough.
    let found = planned(IOMEM, &large).unwrap();
    let initrd = of_kind(&found, SegmentKind::Initrd);
    assert!(!initrd.overlaps(r(0x4800_0000, 0x4c00_0000)) && !initrd.overlaps(r(0x6000_0000, 0x6800_0000)));
    let larger = Request { initrd: Some(0x3f00_0000), ..REQUEST };
    assert_eq!(of_kind(&planned(IOMEM, &larger).unwrap(), SegmentKind::Initrd).start(), 0x8000_0000);
    // Memory added later is not in the tree.
    let added = format!("{IOMEM}c0000000-ffffffff : System RAM\n");
    let error = planned(&added, &Request { initrd: Some(0x4000_0001), ..REQUEST }).unwrap_err();
    assert!(matches!(error, PlanError::NoKernelLocation { .. }), "{error}");
}

#[test]
fn memory_that_can_be_unplugged_is_never_used_for_no_tree_of_a_boot_tells_it() {
    let iomem = format!("{IOMEM}c0000000-ffffffff : System RAM\n");
    let mut machine = machine_with(&iomem, &tree());
    for memory in machine.ranges.iter_mut().filter(|memory| memory.range.start() == 0xc000_0000) {
        memory.class = Some(rules::Class::HotAdded);
    }
    let removable = removable(&machine, &Rules::LINUX).unwrap();
    assert!(removable.contains(&r(0xc000_0000, 0x1_0000_0000)), "{removable:?}");
    for avoid_removable in [false, true] {
        let request = Request { avoid_removable, initrd: Some(0x3f00_0000), ..REQUEST };
        let found = plan(&machine, &request, &Rules::LINUX).unwrap();
        assert!(
            found.segments.iter().all(|segment| removable.iter().all(|one| !one.overlaps(segment.range)))
        );
    }
}

#[test]
fn a_crash_kernel_keeps_to_its_area_with_the_header_highest_at_a_multiple_of_64_kib() {
    let found = planned(IOMEM, &CRASH).unwrap();
    assert_eq!(
        starts(&found),
        [
            ("kernel", 0x4800_0000),
            ("elfcorehdr", 0x4bff_0000),
            ("dtb", 0x4840_0000),
            ("purgatory", 0x4860_0000),
            ("initrd", 0x4860_1000)
        ]
    );
    let said = found.chosen.as_ref().unwrap();
    assert_eq!(said.elfcorehdr, Some(of_kind(&found, SegmentKind::ElfCoreHeader)));
    assert_eq!(said.usable_memory, [r(0x4800_0000, 0x4c00_0000)]);
    assert!(said.seeds && said.reserved.is_empty());
    // Memory that a driver manages is dumped, other than with kexec-tools.
    let dumped = [r(0x4000_0000, 0x4800_0000), r(0x4c00_0000, 0x5000_0000), r(0x6000_0000, 0x6800_0000)];
    assert_eq!(found.vmcore, [&dumped[..], &[r(0x8000_0000, 0xc000_0000)]].concat());
}

#[test]
fn the_device_tree_lies_in_a_block_of_2_mib_that_is_all_ram() {
    // The block at 0x40400000 ends in memory that is no RAM.
    let iomem =
        "40000000-405fefff : System RAM\n405ff000-405fffff : reserved\n40600000-4fffffff : System RAM\n";
    let found = planned(iomem, &Request { initrd: None, ..REQUEST }).unwrap();
    assert_eq!(starts(&found), [("kernel", 0x4000_0000), ("dtb", 0x4060_0000), ("purgatory", 0x4040_0000)]);
    let tree = found.segment(SegmentKind::DeviceTree).unwrap();
    assert_eq!(tree.range.size(), tree.loaded.next_multiple_of(0x1000));
}

#[test]
fn the_initial_ramdisk_lies_in_the_kernels_window_above_or_below() {
    let tree = tree_of(&[r(0x4000_0000, 0x4080_0000), r(33 << 30, (33 << 30) + 64 * MIB)]);
    let iomem = "40000000-407fffff : System RAM\n840000000-843ffffff : System RAM\n";
    let machine = machine_with(iomem, &tree);
    let with = |initrd| plan(&machine, &Request { initrd: Some(initrd), ..REQUEST }, &Rules::LINUX).unwrap();
    assert_eq!(of_kind(&with(MIB), SegmentKind::Kernel).start(), 0x4000_0000);
    let far = with(8 * MIB);
    assert_eq!(of_kind(&far, SegmentKind::Kernel).start(), 33 << 30);
    assert!(far.segments[0].reason.contains("lower places"), "{}", far.segments[0].reason);
}

#[test]
fn tables_that_the_interrupt_controller_goes_on_writing_to_are_avoided_and_the_next_kernel_reserves_them() {
    // Without EFI nothing else reserves them: seen in a guest, whose next kernel was overwritten.
    let log = "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\n\
               [    0.000000] GICv3: using LPI property table @0x0000000040a00000\n\
               [    0.075396] GICv3: CPU1: using allocated LPI pending table @0x0000000040a10000\n";
    let snapshot = Snapshot {
        architecture: Source::Read("aarch64".into()),
        iomem: Source::Read(IOMEM.into()),
        device_tree: Source::Read(Bytes(tree())),
        kernel_log: Source::Read(log.into()),
        ..Snapshot::default()
    };
    let machine = Machine::of(&snapshot).unwrap();
    let tables = r(0x40a0_0000, 0x40a2_0000);
    let found = plan(&machine, &REQUEST, &Rules::LINUX).unwrap();
    assert!(found.segments.iter().all(|segment| !segment.range.overlaps(tables)), "{:?}", found.segments);
    assert_eq!(found.chosen.unwrap().reserved, [tables]);
    let crash = plan(&machine, &CRASH, &Rules::LINUX).unwrap();
    assert_eq!(crash.chosen.unwrap().reserved, []);
}

#[test]
fn an_offset_of_the_text_is_left_before_the_kernel() {
    let kernel = KernelImage::Arm64(Arm64Header { text_offset: 0x8_0000, ..KERNEL });
    let found = planned(IOMEM, &Request { kernel, ..REQUEST }).unwrap();
    assert_eq!(of_kind(&found, SegmentKind::Kernel), r(0x4088_0000, 0x40c8_0000));
}

#[test]
fn a_command_line_that_a_kernel_would_cut_is_refused() {
    let line = "x".repeat(2048);
    let with = |command_line| planned(IOMEM, &Request { command_line, ..REQUEST });
    assert!(with(&line[..2047]).is_ok());
    let error = with(&line).unwrap_err();
    assert_eq!(error, PlanError::CommandLineTooLong { length: 2049, added: 0, most: 2048 });
}

#[test]
fn a_seed_that_was_not_wiped_is_an_obstacle_only_to_kexec_tools() {
    assert!(planned(IOMEM, &REQUEST).is_ok());
    let error = planned(IOMEM, &Request { caller: Caller::KexecTools, ..REQUEST }).unwrap_err();
    assert_eq!(error, PlanError::Arm64(Arm64Error::SeedNotWiped));
}

#[test]
fn without_the_boots_tree_the_size_of_the_next_is_assumed() {
    let snapshot = Snapshot {
        architecture: Source::Read("aarch64".into()),
        iomem: Source::Read(IOMEM.into()),
        ..Snapshot::default()
    };
    let found = plan(&Machine::of(&snapshot).unwrap(), &REQUEST, &Rules::LINUX).unwrap();
    assert!(
        found.assumed.iter().any(|unknown| unknown.what.contains("the device tree")),
        "{:?}",
        found.assumed
    );
}
