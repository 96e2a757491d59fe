//! What is armed, as it lies in the crash kernel's memory, and what physmem recorded.

use evidence::armed::{CrashImage, Found};
use evidence::snapshot::BlockState::{Offline, Online};
use evidence::snapshot::Bytes;
use evidence::{Purpose, Source};
use images::core_header::{CoreHeader, CoreLoad, CoreNote};
use images::elf;
use machine::Snapshot;
use memblock::PhysRange;

use crate::finding::{Code, Severity};
use crate::testing::{DIMM, IOMEM, crash_load, events, found, r, reboot_load, set, the, x86};

const STALE: Code = Code::DumpHeaderStale;
const MISSES: Code = Code::DumpMissesMemory;
const REMOVED: Code = Code::ImageInRemovedMemory;
const BOOT: [PhysRange; 2] = [r2(0x10_0000, 0x6000_0000), r2(0x7000_0000, 0x8000_0000)];
const HIGH: PhysRange = r2(0x1_0000_0000, 0x1_1000_0000);
const THIS_BOOT: &str = "5f8a4c1e-0000-4000-8000-000000000000";

const fn r2(start: u64, end: u64) -> PhysRange {
    match PhysRange::new(start, end) {
        Ok(range) => range,
        Err(_) => panic!("a range of the test is none"),
    }
}

/// The machine with a header of these ranges in the crash kernel's memory.
fn armed(mut snapshot: Snapshot, lists: &[PhysRange]) -> Snapshot {
    let load = |range: &PhysRange| CoreLoad {
        memory: *range,
        offset: range.start(),
        virtual_address: 0xffff_8880_0000_0000 + range.start(),
    };
    let header = CoreHeader {
        machine: elf::Machine::X86_64,
        notes: vec![CoreNote { offset: 0x1000, size: 0x1000 }],
        loads: lists.iter().map(load).collect(),
    };
    let header = Found { at: 0x6000_0000, bytes: Bytes(header.to_bytes()) };
    snapshot.crash_image = Source::Read(CrashImage { header, ..CrashImage::default() });
    snapshot
}

fn with_dimm() -> Vec<PhysRange> {
    BOOT.into_iter().chain([HIGH]).collect()
}

/// The machine with a record of a load for this purpose, with the kernel in the range, or a dump of it.
fn recorded(mut snapshot: Snapshot, purpose: Purpose, range: PhysRange, boot: &str) -> Snapshot {
    let (name, word) = match purpose {
        Purpose::Reboot => ("kexec.json", "reboot"),
        Purpose::Crash => ("kdump.json", "crash"),
    };
    let place = format!(r#"{{"start": "{:#x}", "end": "{:#x}"}}"#, range.start(), range.end());
    let segment = place.replacen('{', r#"{"kind": "kernel", "#, 1);
    let sha256 = "ab".repeat(32);
    let record = format!(
        r#"{{"schema": 1, "by": "physmem 0.1.0", "purpose": "{word}", "loader": "kexec_load", "boot_id": "{boot}",
            "time": "2026-11-30T15:43:00Z", "running": "6.12", "is_placed": true, "initrd": null,
            "kernel": {{"path": "/boot/vmlinuz", "size": 1, "sha256": "{sha256}"}},
            "command_line": "quiet", "passed_command_line": "quiet", "map": [],
            "segments": [{segment}], "dump": [{place}]}}"#
    );
    snapshot.records.insert(name.into(), Source::Read(record));
    snapshot.boot_id = Source::Read(THIS_BOOT.into());
    snapshot
}

#[test]
fn what_the_header_lists_outranks_what_the_log_tells() {
    // By the log, the header was rebuilt after the removal.
    let log = crash_load("", &[HIGH]) + &events(&[4, 4, 3]);
    let stale = armed(x86(IOMEM, &log, &[]), &with_dimm());
    let finding = the(&stale, STALE);
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.evidence[0], "100000000-10fffffff (256M) is in the header, and is not System RAM");
    assert!(finding.evidence.iter().any(|line| line.contains("0x60000000 (/proc/kcore)")), "{finding:?}");
    // By the log, it was not.
    let log = crash_load("", &[HIGH]) + &events(&[4, 4]);
    let good = armed(x86(IOMEM, &log, &[]), &BOOT);
    assert_eq!((found(&good, STALE), found(&good, MISSES)), (vec![], vec![]));
}

#[test]
fn a_header_without_memory_that_is_used_is_an_error_and_without_offline_memory_a_warning() {
    let iomem = IOMEM.to_owned() + DIMM;
    let of = |state| the(&armed(x86(&iomem, "", &[state, state]), &BOOT), MISSES);
    assert_eq!(of(Online).severity, Severity::Error);
    let offline = of(Offline);
    assert_eq!(offline.severity, Severity::Warning);
    assert_eq!(
        offline.evidence[0],
        "100000000-10fffffff (256M) is offline, and is System RAM and not in the header"
    );
    assert_eq!(found(&armed(x86(&iomem, "", &[Online, Online]), &with_dimm()), MISSES), []);
}

#[test]
fn a_header_is_read_whoever_loaded_it() {
    let mut snapshot = armed(x86(IOMEM, "", &[]), &with_dimm());
    if let Source::Read(blocks) = &mut snapshot.memory_blocks {
        blocks.crash_hotplug = Source::Read("0".into());
    }
    assert_eq!(the(&snapshot, STALE).severity, Severity::Error);
}

#[test]
fn a_record_of_this_boot_tells_where_an_image_lies() {
    let place = r(0x1_0000_0000, 0x1_0010_0000);
    let snapshot = recorded(x86(IOMEM, "", &[]), Purpose::Reboot, place, THIS_BOOT);
    let finding = the(&snapshot, REMOVED);
    assert_eq!(finding.evidence[0], "kernel at 100000000-1000fffff (1M) is no longer System RAM");
    assert_eq!(
        finding.evidence[1],
        "/run/physmem/kexec.json: loaded by physmem 0.1.0 at 2026-11-30T15:43:00Z"
    );
    // One of another boot tells nothing, nor does one whose image is no longer loaded.
    assert_eq!(found(&recorded(x86(IOMEM, "", &[]), Purpose::Reboot, place, "another"), REMOVED), []);
    let mut unloaded = snapshot;
    set(&mut unloaded, "kexec_loaded", "0");
    assert_eq!(found(&unloaded, REMOVED), []);
    // Where the log shows an earlier load, the record is still what physmem loaded last.
    let log = reboot_load(r(0x1000_0000, 0x1010_0000), r(0x10_0000, 0x8000_0000));
    assert_eq!(found(&recorded(x86(IOMEM, &log, &[]), Purpose::Reboot, place, THIS_BOOT), REMOVED).len(), 1);
}

#[test]
fn the_dump_of_a_record_counts_only_where_the_kernel_never_rebuilds_the_header() {
    let mut snapshot = recorded(x86(IOMEM, "", &[]), Purpose::Crash, HIGH, THIS_BOOT);
    assert_eq!(found(&snapshot, STALE), []);
    snapshot.kexec.remove("crash_elfcorehdr_size");
    if let Source::Read(blocks) = &mut snapshot.memory_blocks {
        blocks.crash_hotplug = Source::Missing;
    }
    assert_eq!(the(&snapshot, STALE).severity, Severity::Error);
}
