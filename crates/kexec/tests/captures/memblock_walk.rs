//! The search where the kernel keeps memblock, held against what arm64 kernels did.
//!
//! The layout of arm64 is no part of the library yet, so it stands here: the kernel at the lowest multiple of 2 MiB;
//! above it the header of a dump and the device tree as high, the initial ramdisk as low as possible. The sizes are
//! those of the log: it is the places that are held against it.

use kexec::candidates::{candidates, dumped};
use kexec::load_log::LoadLog;
use kexec::placement::{Direction, Search};
use kexec::{CrashKernel, Facts};
use machine::Machine;
use memblock::PhysRange;
use memblock::rules::{Loader, Placement, Rules};

const PAGE: u64 = 0x1000;
const KIB_64: u64 = 0x1_0000;
const MIB_2: u64 = 0x20_0000;

/// Captures taken right after a load, and whether it was one for crashes.
const LOADS: [(&str, bool); 5] = [
    ("kexec-acpi-dimm/3-loaded", false),
    ("kexec-dt-vmem/2-crash-loaded", true),
    ("kexec-dt-vmem/3-loaded", false),
    ("kexec-efi-sp/2-crash-loaded", true),
    ("kexec-efi-sp/3-loaded", false),
];

/// How the segments of a load are placed, in the order of the log: alignment and direction.
fn layout(for_crashes: bool) -> Vec<(u64, Direction)> {
    let kernel = (MIB_2, Direction::BottomUp);
    let initrd = (PAGE, Direction::BottomUp);
    let device_tree = (MIB_2, Direction::TopDown);
    if for_crashes {
        vec![kernel, (KIB_64, Direction::TopDown), initrd, device_tree]
    } else {
        vec![kernel, initrd, device_tree]
    }
}

#[test]
fn segments_of_arm64_lie_where_the_walk_of_memblock_finds_room() {
    for (capture, for_crashes) in LOADS {
        let path = crate::captures().join(format!("../arm64/{capture}.tar.gz"));
        let snapshot = host::read(&path).unwrap();
        let machine = Machine::of(&snapshot).unwrap();
        assert_eq!(machine.kernel.for_rules.placement, Placement::MemblockWalk);
        // The last load is the one before the capture.
        let record = LoadLog::of(snapshot.kernel_log.read().unwrap()).records.pop().unwrap();
        let ranges = if for_crashes {
            let crash_kernel = CrashKernel::of(&machine).unwrap();
            let ours = dumped(&machine, &crash_kernel, Loader::KexecFileLoad, &Rules::LINUX).unwrap();
            assert!(record.dumped.len() >= 3, "{capture}");
            assert_eq!(ours, record.dumped, "{capture}: PT_LOADs");
            vec![crash_kernel.area]
        } else {
            candidates(&machine, &Facts::of(&snapshot), Loader::KexecFileLoad, &Rules::LINUX).unwrap()
        };
        let layout = layout(for_crashes);
        assert_eq!(record.segments.len(), layout.len(), "{capture}");
        let mut taken: Vec<PhysRange> = Vec::new();
        for (segment, (alignment, direction)) in record.segments.iter().zip(layout) {
            let above = taken.first().map_or(0, |kernel| kernel.end());
            let search =
                Search::new(segment.range.size(), alignment, PAGE, direction).unwrap().at_or_above(above);
            let (hole, _) = search.find(&ranges, &taken).unwrap();
            assert_eq!(hole, segment.range, "{capture}: {search:x?}");
            taken.push(hole);
        }
    }
}
