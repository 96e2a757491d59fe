use evidence::Source;
use evidence::snapshot::Bytes;
use machine::{Machine, Snapshot};
use rules::{Loader, Rules};

use super::*;
use crate::error::Arm64Error;
use crate::request::{Caller, Request};
use crate::{Plan, plan};
use evidence::Purpose;
use images::{Arm64Header, KernelImage};

const TREE: &[u8] = include_bytes!("../../../../firmware/tests/data/arm64-dts-resv.fdt");

const REQUEST: Request<'_> = Request {
    purpose: Purpose::Reboot,
    loader: Loader::KexecLoad,
    kernel: KernelImage::Arm64(Arm64Header { file_size: 0x10_0000, text_offset: 0, image_size: 0x13_0000 }),
    initrd: Some(0x12_3456),
    command_line: "quiet",
    avoid_removable: false,
    without_cma: false,
    purgatory: None,
    tools: None,
    caller: Caller::KexecTools,
};

const IOMEM: &str = "40000000-4fffffff : System RAM\n  40010000-401fffff : Kernel code\n  \
                     40210000-403fffff : reserved\n  48000000-4bffffff : Crash kernel\n\
                     50000000-50000fff : reserved\n\
                     60000000-67ffffff : System RAM (virtio_mem)\n";

fn planned(iomem: &str, request: &Request<'_>) -> Result<Plan, PlanError> {
    let snapshot = Snapshot {
        architecture: Source::Read("aarch64".into()),
        iomem: Source::Read(iomem.into()),
        device_tree: Source::Read(Bytes(TREE.to_vec())),
        ..Snapshot::default()
    };
    let mut machine = Machine::of(&snapshot).unwrap();
    machine.state.possible_cpus = Some(2);
    plan(&machine, request, &Rules::LINUX)
}

fn starts(plan: &Plan) -> Vec<u64> {
    plan.segments.iter().map(|segment| segment.range.start()).collect()
}

#[test]
fn each_lies_lowest_behind_the_kernel_and_none_where_memory_is_reserved() {
    // The running kernel's text is no obstacle. The initial ramdisk does not fit before what is reserved, the rest does.
    let found = planned(IOMEM, &REQUEST).unwrap();
    assert_eq!(starts(&found), [0x4000_0000, 0x4040_0000, 0x4013_0000, 0x4013_3000]);
    let kinds = [SegmentKind::Kernel, SegmentKind::Initrd, SegmentKind::DeviceTree, SegmentKind::Purgatory];
    assert!(found.segments.iter().map(|segment| segment.kind).eq(kinds));
    // A large initial ramdisk may lie in the area of a crash kernel.
    let large = Request { initrd: Some(0xb00_0000), ..REQUEST };
    assert_eq!(starts(&planned(IOMEM, &large).unwrap())[1], 0x4040_0000);
}

#[test]
fn a_crash_kernel_keeps_to_its_area_with_the_header_in_its_last_page() {
    let request = Request { purpose: Purpose::Crash, ..REQUEST };
    let found = planned(IOMEM, &request).unwrap();
    assert_eq!(starts(&found)[..3], [0x4800_0000, 0x4bff_f000, 0x4813_0000]);
    let header = found.segment(SegmentKind::ElfCoreHeader).unwrap();
    assert_eq!(header.loaded, 0x400);
    // Driver-managed memory has another name than this port of kexec-tools looks for.
    let ranges: Vec<(u64, u64)> = found.vmcore.iter().map(|range| (range.start(), range.end())).collect();
    assert_eq!(ranges, [(0x4000_0000, 0x4800_0000), (0x4c00_0000, 0x5000_0000)]);
}

#[test]
fn what_finds_no_room_is_named_as_there_is_no_second_try() {
    let iomem =
        "40000000-401fffff : System RAM\n48000000-48ffffff : System RAM\n  48200000-48ffffff : reserved\n";
    let request = Request { initrd: Some(0x20_1000), ..REQUEST };
    let error = planned(iomem, &request).unwrap_err();
    assert!(matches!(error, PlanError::NoHole { kind: SegmentKind::Initrd, .. }), "{error}");
}

#[test]
fn a_seed_that_was_not_wiped_is_refused() {
    // `stdout-path` begins with a slash, so that it cannot be read as a wiped seed.
    let mut tree = TREE.to_vec();
    let name = tree.windows(12).position(|bytes| bytes == b"stdout-path\0").unwrap();
    tree[name..name + 11].copy_from_slice(b"kaslr-seed\0");
    let snapshot = Snapshot {
        architecture: Source::Read("aarch64".into()),
        iomem: Source::Read(IOMEM.into()),
        device_tree: Source::Read(Bytes(tree)),
        ..Snapshot::default()
    };
    let machine = Machine::of(&snapshot).unwrap();
    let error = plan(&machine, &REQUEST, &Rules::LINUX).unwrap_err();
    assert_eq!(error, PlanError::Arm64(Arm64Error::SeedNotWiped));
}

#[test]
fn without_an_initial_ramdisk_the_tree_names_none_and_is_as_large_as_with_that_of_this_boot() {
    let size = |plan: &Plan| plan.segment(SegmentKind::DeviceTree).unwrap().loaded;
    let without = planned(IOMEM, &Request { initrd: None, ..REQUEST }).unwrap();
    let with = planned(IOMEM, &REQUEST).unwrap();
    // The boot's has addresses of two cells already.
    assert_eq!(size(&without), size(&with));
    assert_eq!(without.chosen.unwrap().initrd, None);
}
