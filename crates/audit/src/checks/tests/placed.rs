use evidence::Source;
use evidence::snapshot::BlockState;
use evidence::snapshot::BlockState::{Offline, Online};
use rules::Loader;

use crate::finding::Code;
use kexec::Purpose;

use crate::testing::{BLOCK, DIMM, IOMEM, found, of_plan, plan, r, reboot_load, set, the, x86};

const REMOVED: Code = Code::ImageInRemovedMemory;
const REMOVABLE: Code = Code::ImageInRemovableMemory;
const UNTOLD: Code = Code::ImageInUntoldMemory;
const BOOT: u64 = 0x1000_0000;
const HIGH: u64 = 0x1_0000_0000;

/// A machine with the DIMM in this state, and a kernel loaded there.
fn in_dimm(state: BlockState, zone: &str) -> machine::Snapshot {
    let log = reboot_load(r(HIGH, HIGH + 0x10_0000), r(0x10_0000, 0x8000_0000));
    let mut snapshot = x86(&(IOMEM.to_owned() + DIMM), &log, &[state, state]);
    if let Source::Read(blocks) = &mut snapshot.memory_blocks {
        blocks.blocks.iter_mut().for_each(|block| block.valid_zones = vec![zone.into()]);
    }
    snapshot
}

#[test]
fn an_image_in_a_dimm_that_went_is_in_removed_memory_and_in_no_other() {
    let log = reboot_load(r(HIGH, HIGH + 0x10_0000), r(0x10_0000, 0x8000_0000));
    let mut snapshot = x86(IOMEM, &log, &[]);
    let finding = the(&snapshot, REMOVED);
    assert_eq!(finding.evidence[0], "64bit kernel at 100000000-1000fffff (1M) is no longer System RAM");
    assert_eq!((found(&snapshot, REMOVABLE).len(), found(&snapshot, UNTOLD).len()), (0, 0));
    // Nothing is loaded any more, whatever the log tells.
    set(&mut snapshot, "kexec_loaded", "0");
    assert_eq!(found(&snapshot, REMOVED), []);
}

#[test]
fn what_keeps_a_dimm_under_an_image_is_said() {
    for (state, zone, words) in [
        (Online, "Movable", "in ZONE_MOVABLE: it can go at any time"),
        (Online, "Normal", "in Normal, a kernel zone: it can go if nothing unmovable lies in its blocks"),
        (Offline, "Movable", "offline: it can go at any time"),
    ] {
        let finding = the(&in_dimm(state, zone), REMOVABLE);
        assert!(finding.evidence[0].ends_with(words), "{finding:?}");
    }
    assert_eq!(found(&in_dimm(Online, "Normal"), REMOVED), []);
}

#[test]
fn boot_memory_that_stays_and_is_told_is_no_reason() {
    let log = reboot_load(r(BOOT, BOOT + 0x10_0000), r(0x10_0000, 0x8000_0000));
    let snapshot = x86(&(IOMEM.to_owned() + DIMM), &log, &[Online, Online]);
    for code in [REMOVED, REMOVABLE, UNTOLD] {
        assert_eq!(found(&snapshot, code), []);
    }
}

#[test]
fn the_map_that_was_handed_over_decides_what_is_told() {
    // Half of the kernel lies behind the end of the map's RAM.
    let log = reboot_load(r(BOOT, BOOT + 0x10_0000), r(0x10_0000, BOOT + 0x8_0000));
    let finding = the(&x86(IOMEM, &log, &[]), UNTOLD);
    assert!(finding.evidence[0].starts_with("64bit kernel at 10080000-100fffff (512K)"), "{finding:?}");
}

#[test]
fn without_a_map_the_rules_decide_what_is_told() {
    let snapshot = x86(&(IOMEM.to_owned() + DIMM), "", &[Online, Online]);
    let mut plan = plan(Purpose::Reboot, r(HIGH, HIGH + BLOCK));
    plan.next_kernel.clear();
    let codes = |loader| of_plan(&snapshot, &plan, loader).into_iter().map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(codes(Loader::KexecFileLoad), [REMOVABLE, UNTOLD]);
    // kexec-tools hands on the firmware's map as it has grown.
    assert_eq!(codes(Loader::KexecLoad), [REMOVABLE]);
}

#[test]
fn memory_that_goes_without_an_image_on_it_is_no_reason() {
    // No placement puts an image there; were it there, its unplug would change the dump's ranges, and no more.
    let iomem = IOMEM.to_owned() + "100000000-10fffffff : System RAM (virtio_mem)\n";
    let snapshot = x86(&iomem, "", &[Online, Online]);
    let planned = of_plan(&snapshot, &plan(Purpose::Reboot, r(HIGH, HIGH + BLOCK)), Loader::KexecFileLoad);
    assert!(planned.iter().all(|finding| finding.code != REMOVABLE), "{planned:?}");
}

#[test]
fn what_is_not_loaded_does_not_lie_in_memory_that_went() {
    let planned =
        of_plan(&x86(IOMEM, "", &[]), &plan(Purpose::Reboot, r(HIGH, HIGH + BLOCK)), Loader::KexecFileLoad);
    assert_eq!(planned, []);
}

#[test]
fn a_plan_is_offered_a_way_around() {
    let snapshot = x86(&(IOMEM.to_owned() + DIMM), "", &[Online, Online]);
    let planned = of_plan(&snapshot, &plan(Purpose::Reboot, r(HIGH, HIGH + BLOCK)), Loader::KexecFileLoad);
    assert!(planned[0].remedy.contains("--avoid-removable"), "{planned:?}");
    assert_eq!(of_plan(&snapshot, &plan(Purpose::Reboot, r(BOOT, BOOT + BLOCK)), Loader::KexecFileLoad), []);
}
