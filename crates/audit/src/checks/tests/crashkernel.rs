use evidence::Source;

use crate::finding::{Code, Severity};
use kexec::PlanError;
use kexec::SegmentKind;

use crate::of_plan_error;
use crate::testing::{IOMEM, found, set, the, x86};

const RAM: &str = "00100000-7fffffff : System RAM\n";

fn booted_with(line: &str, iomem: &str, log: &str) -> machine::Snapshot {
    let mut snapshot = x86(iomem, log, &[]);
    snapshot.command_line = Source::Read(line.into());
    snapshot
}

#[test]
fn what_was_asked_for_and_not_reserved_is_found_with_the_kernels_reason() {
    let log = "[ 0.0] cannot allocate crashkernel (size:0xdac00000)\n";
    let finding = the(&booted_with("crashkernel=1900M", RAM, log), Code::CrashkernelNotReserved);
    assert_eq!(finding.evidence[0], "the command line: crashkernel=1900M");
    assert!(finding.evidence.iter().any(|line| line.ends_with("(size:0xdac00000)")), "{finding:?}");
    assert_eq!(finding.severity, Severity::Error);
}

#[test]
fn a_line_that_asks_for_nothing_here_leaves_nothing_to_find() {
    for line in ["quiet", "crashkernel=4G-:256M", "crashkernel=0", "crashkernel=256M,low"] {
        assert_eq!(found(&booted_with(line, RAM, ""), Code::CrashkernelNotReserved), [], "{line}");
    }
    assert_eq!(found(&booted_with("crashkernel=256M", IOMEM, ""), Code::CrashkernelNotReserved), []);
}

#[test]
fn a_reservation_that_was_given_back_is_told_from_one_that_never_was() {
    let log = "[ 0.0] crashkernel reserved: 0x0000000060000000 - 0x0000000070000000 (256 MB)\n";
    let finding = the(&booted_with("crashkernel=256M", RAM, log), Code::CrashkernelNotReserved);
    assert!(finding.what.contains("given back"), "{}", finding.what);
}

#[test]
fn where_iomem_is_hidden_the_size_in_sysfs_tells() {
    let mut snapshot = booted_with("crashkernel=256M", RAM, "");
    snapshot.iomem = Source::Missing;
    assert_eq!(found(&snapshot, Code::CrashkernelNotReserved), []);
    set(&mut snapshot, "kexec_crash_size", "0");
    assert_eq!(the(&snapshot, Code::CrashkernelNotReserved).evidence[1], "/sys/kernel/kexec_crash_size is 0");
    set(&mut snapshot, "kexec_crash_size", "268435456");
    set(&mut snapshot, "kexec_crash_loaded", "0");
    assert_eq!(found(&snapshot, Code::CrashkernelNotReserved), []);
    assert_eq!(found(&snapshot, Code::KdumpNotArmed).len(), 1);
}

#[test]
fn an_area_that_does_not_hold_the_running_kernel_is_too_small() {
    let small = IOMEM.replace("60000000-6fffffff", "60000000-61ffffff");
    let finding = the(&x86(&small, "", &[]), Code::CrashkernelTooSmall);
    assert!(finding.what.starts_with("32M are reserved"), "{}", finding.what);
    assert_eq!(finding.evidence[1], "01000000-03bfffff (44M) : Kernel code to Kernel bss");
    let just = IOMEM.replace("60000000-6fffffff", "60000000-62bfffff");
    assert_eq!(found(&x86(&just, "", &[]), Code::CrashkernelTooSmall), []);
}

#[test]
fn a_plan_that_finds_no_hole_is_a_finding_and_one_without_a_map_is_not() {
    let no_hole = PlanError::NoHole {
        kind: SegmentKind::Initrd,
        size: 0x1000_0000,
        alignment: 0x1000,
        min: 0,
        largest: 0x100_0000,
    };
    let finding = of_plan_error(&no_hole).unwrap();
    assert_eq!(finding.code, Code::CrashkernelTooSmall);
    assert!(finding.evidence[0].starts_with("initrd: no hole of 0x10000000 bytes"), "{finding:?}");
    let header = PlanError::TooSmall { kind: SegmentKind::ElfCoreHeader, loaded: 2, size: 1 };
    assert!(of_plan_error(&header).unwrap().remedy.contains("CONFIG_CRASH_MAX_MEMORY_RANGES"));
    for other in [PlanError::NoMap, PlanError::TooSmall { kind: SegmentKind::Kernel, loaded: 2, size: 1 }] {
        assert_eq!(of_plan_error(&other), None);
    }
}

#[test]
fn a_reservation_without_a_crash_kernel_is_not_armed() {
    let mut snapshot = x86(IOMEM, "", &[]);
    assert_eq!(found(&snapshot, Code::KdumpNotArmed), []);
    set(&mut snapshot, "kexec_crash_loaded", "0");
    assert_eq!(the(&snapshot, Code::KdumpNotArmed).evidence[0], "60000000-6fffffff (256M) : Crash kernel");
    // A crash kernel has no use for another.
    snapshot.command_line = Source::Read("elfcorehdr=0x60000000".into());
    assert_eq!(found(&snapshot, Code::KdumpNotArmed), []);
    // Nothing tells whether one is loaded.
    snapshot.command_line = Source::Read("quiet".into());
    snapshot.kexec.remove("kexec_crash_loaded");
    assert_eq!(found(&snapshot, Code::KdumpNotArmed), []);
}
