use evidence::Source;
use evidence::snapshot::FirmwareMapEntry;
use kexec::Purpose;
use machine::Snapshot;

use super::*;
use crate::testing::{DIMM, IOMEM, found, of_plan, plan, r, reboot_load, the, x86};

const CODE: Code = Code::MapListsRemovedMemory;

/// The machine with this RAM in /sys/firmware/memmap, and the log of a load that tells of RAM up to `told`.
fn loaded(iomem: &str, ram: &[PhysRange], told: u64) -> Snapshot {
    let log = reboot_load(r(0x1000_0000, 0x1010_0000), r(0x10_0000, told));
    with_map(x86(iomem, &log, &[]), ram)
}

fn with_map(mut snapshot: Snapshot, ram: &[PhysRange]) -> Snapshot {
    let entry = |(index, range): (u32, &PhysRange)| FirmwareMapEntry {
        index,
        start: range.start(),
        last: range.last(),
        kind: "System RAM".into(),
    };
    snapshot.firmware_memmap = Source::Read((0..).zip(ram).map(entry).collect());
    snapshot
}

fn boot() -> Vec<PhysRange> {
    vec![r(0x1000, 0xa_0000), r(0x10_0000, 0x8000_0000)]
}

fn with_dimm() -> Vec<PhysRange> {
    [boot(), vec![r(0x1_0000_0000, 0x1_1000_0000)]].concat()
}

#[test]
fn memory_of_the_map_that_was_unplugged_since_is_an_error_wherever_the_image_lies() {
    let iomem = IOMEM.to_owned() + DIMM;
    let told: Vec<_> = with_dimm().into_iter().map(|range| (range, E820Type::Ram)).collect();
    let of = |snapshot: &Snapshot, loader| {
        let entries = told.iter().map(|&(range, kind)| firmware::e820::Entry { range, kind }).collect();
        let plan = kexec::Plan { next_kernel: entries, ..plan(Purpose::Reboot, r(0x1000_0000, 0x1010_0000)) };
        of_plan(snapshot, &plan, loader).into_iter().find(|finding| finding.code == CODE)
    };
    let there = with_map(x86(&iomem, "", &[]), &with_dimm());
    assert_eq!(of(&there, Loader::KexecLoad), None);
    let gone = with_map(x86(IOMEM, "", &[]), &boot());
    let finding = of(&gone, Loader::KexecLoad).unwrap();
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(
        finding.evidence[0],
        "100000000-10fffffff (256M) is RAM in that map, and not in /sys/firmware/memmap"
    );
    assert!(finding.remedy.contains("--avoid-removable"), "{}", finding.remedy);
    // kexec_file_load would tell of it again.
    assert!(of(&gone, Loader::KexecFileLoad).unwrap().remedy.contains("kexec_load"));
}

#[test]
fn the_log_of_a_load_shows_what_was_told() {
    let part = [r(0x1000, 0xa_0000), r(0x10_0000, 0x7000_0000)];
    assert_eq!(the(&loaded(IOMEM, &part, 0x8000_0000), CODE).evidence.len(), 2);
    assert_eq!(found(&loaded(IOMEM, &boot(), 0x8000_0000), CODE), []);
    assert_eq!(found(&loaded(IOMEM, &part, 0x7000_0000), CODE), []);
}

#[test]
fn without_the_firmwares_map_it_cannot_be_told() {
    let log = reboot_load(r(0x1000_0000, 0x1010_0000), r(0x10_0000, 0x8000_0000));
    let machine = machine::Machine::of(x86(IOMEM, &log, &[])).unwrap();
    let checked = crate::checked(&machine, &rules::Rules::LINUX);
    let outcome = checked.iter().find(|checked| checked.code == CODE).map(|checked| &checked.outcome);
    let Some(crate::Outcome::CannotTell(gap)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(gap.why, "/sys/firmware/memmap was not shown");
}
