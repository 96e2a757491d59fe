use images::Arm64Header;

use super::*;
use crate::error::Arm64Error;

const PAGE: u64 = 0x1000;
const MIB: u64 = 1 << 20;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

fn space(ranges: &[PhysRange]) -> SearchSpace {
    SearchSpace::new(ranges.to_vec(), PAGE)
}

const KERNEL: Arm64Header = Arm64Header { file_size: MIB, text_offset: 0, image_size: 4 * MIB };

fn parts(initrd: u64) -> Parts {
    Parts { kernel: KERNEL, initrd: Some(initrd), device_tree: 0x2345 }
}

fn starts(space: &SearchSpace, parts: &Parts) -> Vec<u64> {
    place(space, None, parts).unwrap().iter().map(|segment| segment.range.start()).collect()
}

#[test]
fn the_kernel_lies_lowest_the_initial_ramdisk_behind_it_and_the_device_tree_highest() {
    let space = space(&[r(0x4010_0000, 0x6000_0000)]);
    assert_eq!(starts(&space, &parts(1)), [0x4020_0000, 0x4060_0000, 0x5fe0_0000]);
}

#[test]
fn a_crash_header_lies_highest_at_a_multiple_of_64_kib() {
    let area = r(0x4000_0000, 0x4800_0000);
    let segments = place(&space(&[area]), Some(0x1000), &parts(1)).unwrap();
    let kinds: Vec<_> = segments.iter().map(|segment| segment.kind).collect();
    let (kernel, header) = (SegmentKind::Kernel, SegmentKind::ElfCoreHeader);
    assert_eq!(kinds, [kernel, header, SegmentKind::Initrd, SegmentKind::DeviceTree]);
    let starts: Vec<_> = segments.iter().map(|segment| segment.range.start()).collect();
    assert_eq!(starts, [0x4000_0000, 0x47ff_0000, 0x4040_0000, 0x47e0_0000]);
}

#[test]
fn where_the_initial_ramdisk_is_out_of_reach_the_kernel_moves_to_it() {
    // 32 GiB from the multiple of 1 GiB at or below the kernel: the second range begins where that ends.
    let (near, far) = (r(0x4000_0000, 0x4080_0000), r(33 << 30, (33 << 30) + 64 * MIB));
    let found = place(&space(&[near, far]), None, &parts(8 * MIB)).unwrap();
    assert_eq!(found[0].range.start(), far.start());
    assert!(found[0].reason.ends_with("; 2 lower places leave no room for the rest"), "{}", found[0].reason);
    // A kernel that lies one GiB higher reaches it.
    let near = r(0x8000_0000, 0x8080_0000);
    assert_eq!(starts(&space(&[near, far]), &parts(8 * MIB))[..2], [0x8000_0000, 33 << 30]);
}

#[test]
fn the_device_tree_finds_room_when_a_higher_kernel_pushes_the_initial_ramdisk_away() {
    // Behind the first place of the kernel the initial ramdisk takes the only multiple of 2 MiB with room behind it.
    let (low, high) = (r(0x4000_0000, 0x4068_0000), r(0x6010_0000, 0x603f_f000));
    let kernel = Arm64Header { file_size: 1, text_offset: 0, image_size: 2 * MIB };
    let parts = Parts { kernel, initrd: Some(high.size()), device_tree: 2 * MIB };
    assert_eq!(starts(&space(&[low, high]), &parts), [0x4020_0000, high.start(), 0x4040_0000]);
}

#[test]
fn an_offset_of_the_text_is_left_before_the_kernel_and_is_no_part_of_its_segment() {
    let kernel = Arm64Header { text_offset: 0x8_0000, ..KERNEL };
    let space = space(&[r(0x4000_0000, 0x6000_0000)]);
    let segments = place(&space, None, &Parts { kernel, ..parts(1) }).unwrap();
    assert_eq!(segments[0].range, r(0x4008_0000, 0x4048_0000));
    assert_eq!(segments[1].range.start(), 0x4048_0000);
    assert!(segments[0].reason.starts_with("0x80000 above the lowest multiple"), "{}", segments[0].reason);
}

#[test]
fn where_nothing_fits_the_error_is_the_kernels_own_and_says_what_the_lowest_place_lacks() {
    let error = place(&space(&[r(0x4000_0000, 0x4100_0000)]), None, &parts(16 * MIB)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Could not find any suitable kernel location! With the kernel at 40000000-403fffff, the first of 1: initrd: \
         no hole of 0x1000000 bytes at a multiple of 0x1000, at or above 0x40400000; the largest range has 0x1000000 bytes"
    );
    // Without room for the kernel there is nothing to add.
    let error = place(&space(&[r(0x4000_0000, 0x4030_0000)]), None, &parts(1)).unwrap_err();
    assert!(matches!(error, PlanError::NoHole { kind: SegmentKind::Kernel, .. }), "{error}");
    // The tree is tried at every place.
    let error = place(&space(&[r(0x4000_0000, 0x4080_0000)]), None, &parts(4 * MIB)).unwrap_err();
    let PlanError::NoKernelLocation { tries, source, .. } = error else { panic!("{error}") };
    assert_eq!(tries, 2);
    assert!(matches!(*source, PlanError::NoHole { kind: SegmentKind::DeviceTree, .. }), "{source}");
}

#[test]
fn headers_that_no_kernel_has_are_refused_by_what_is_wrong_with_them() {
    let space = space(&[r(0x4000_0000, 0x6000_0000)]);
    let refused = |kernel| place(&space, None, &Parts { kernel, ..parts(1) }).unwrap_err();
    let odd = Arm64Header { text_offset: 0x8_0800, ..KERNEL };
    for (kernel, expected) in [
        (Arm64Header { image_size: 0, ..KERNEL }, Arm64Error::NoImageSize),
        (odd, Arm64Error::TextOffset { text_offset: 0x8_0800, page: PAGE }),
        (
            Arm64Header { image_size: u64::MAX, text_offset: PAGE, ..KERNEL },
            Arm64Error::ImageSize { text_offset: PAGE, image_size: u64::MAX },
        ),
        (
            Arm64Header { image_size: u64::MAX, ..KERNEL },
            Arm64Error::ImageSize { text_offset: 0, image_size: u64::MAX },
        ),
    ] {
        assert_eq!(refused(kernel), PlanError::Arm64(expected));
    }
    let cut = Arm64Header { file_size: 4 * MIB + 1, ..KERNEL };
    let kind = SegmentKind::Kernel;
    assert_eq!(refused(cut), PlanError::TooSmall { kind, loaded: 4 * MIB + 1, size: 4 * MIB });
    assert!(matches!(place(&space, None, &parts(u64::MAX)), Err(PlanError::Segment { .. })));
}
