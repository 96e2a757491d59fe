use evidence::Source;
use evidence::snapshot::BlockState::{Offline, Online};
use rules::Loader;

use crate::finding::{Code, Severity};
use kexec::Purpose;

use crate::testing::{DIMM, IOMEM, crash_load, events, found, of_plan, plan, r, the, x86};

const STALE: Code = Code::DumpHeaderStale;
const MISSES: Code = Code::DumpMissesMemory;

/// The load of a machine with the DIMM, and what came after.
fn after_load(actions: &[u8]) -> String {
    crash_load("", &[r(0x1_0000_0000, 0x1_1000_0000)]) + &events(actions)
}

#[test]
fn a_dimm_whose_blocks_went_offline_last_and_are_gone_is_still_in_the_header() {
    let finding = the(&x86(IOMEM, &after_load(&[4, 4]), &[]), STALE);
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.what.ends_with("100000000-10fffffff (256M)"), "{}", finding.what);
}

#[test]
fn a_header_that_was_rebuilt_after_the_removal_is_healthy() {
    assert_eq!(found(&x86(IOMEM, &after_load(&[4, 4, 3]), &[]), STALE), []);
}

#[test]
fn blocks_that_are_offline_and_still_there_are_no_reason() {
    let iomem = IOMEM.to_owned() + DIMM;
    assert_eq!(found(&x86(&iomem, &after_load(&[4, 4]), &[Offline, Offline]), STALE), []);
    assert_eq!(found(&x86(&iomem, &after_load(&[]), &[Online, Online]), STALE), []);
}

#[test]
fn with_other_blocks_offline_the_last_rebuild_may_have_come_after_the_removal() {
    // A second DIMM of one block that went offline before or after the first one was removed.
    let iomem = IOMEM.to_owned() + "110000000-117ffffff : System RAM\n";
    let finding = the(&x86(&iomem, &after_load(&[4, 4, 4]), &[Offline]), STALE);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.evidence.iter().any(|line| line.starts_with("if one of the blocks")), "{finding:?}");
}

#[test]
fn what_was_in_the_header_at_the_load_is_not_named_once_it_was_rebuilt() {
    let finding = the(&x86(IOMEM, &after_load(&[4, 3, 4]), &[]), STALE);
    assert!(finding.what.contains("a memory block removed"), "{}", finding.what);
}

#[test]
fn a_log_without_events_leaves_the_header_in_doubt() {
    let finding = the(&x86(IOMEM, &after_load(&[]), &[]), STALE);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.what.contains("may still list memory"), "{}", finding.what);
    // An earlier crash kernel saw events, so that this log would tell of them: blocks that never went online were removed.
    let log = after_load(&[3]) + &after_load(&[]);
    assert_eq!(the(&x86(IOMEM, &log, &[]), STALE).severity, Severity::Error);
}

#[test]
fn a_kernel_that_does_not_keep_the_header_has_a_stale_one_whatever_came_after() {
    let mut snapshot = x86(IOMEM, &after_load(&[]), &[]);
    snapshot.kexec.remove("crash_elfcorehdr_size");
    snapshot.memory_blocks = Source::Missing;
    assert_eq!(the(&snapshot, STALE).severity, Severity::Error);
}

#[test]
fn memory_that_was_added_and_stays_offline_is_in_no_dump() {
    let iomem = IOMEM.to_owned() + DIMM;
    let finding = the(&x86(&iomem, &crash_load("", &[]), &[Offline, Offline]), MISSES);
    assert!(finding.evidence[0].starts_with("100000000-10fffffff (256M) is offline"), "{finding:?}");
    // Online, or with any event since, the header holds it.
    assert_eq!(found(&x86(&iomem, &crash_load("", &[]), &[Online, Online]), MISSES), []);
    let log = crash_load("", &[]) + &events(&[3]);
    assert_eq!(found(&x86(&iomem, &log, &[Offline, Offline]), MISSES), []);
    assert_eq!(found(&x86(&iomem, &after_load(&[]), &[Offline, Offline]), MISSES), []);
}

#[test]
fn a_log_without_events_leaves_a_rebuild_since_open_and_memory_that_went_online_hints_at_one() {
    let iomem =
        IOMEM.to_owned() + "100000000-107ffffff : System RAM\n108000000-10fffffff : System RAM (kmem)\n";
    let finding = the(&x86(&iomem, &crash_load("", &[]), &[Offline, Online]), MISSES);
    assert!(finding.what.contains("may miss memory"), "{}", finding.what);
    assert!(finding.what.ends_with("100000000-107ffffff (128M)"), "{}", finding.what);
    let hint = "108000000-10fffffff (128M) went online since";
    assert!(finding.evidence.iter().any(|line| line.starts_with(hint)), "{finding:?}");
}

#[test]
fn a_planned_dump_is_held_against_all_that_the_rules_put_into_one() {
    let iomem = IOMEM.to_owned() + "100000000-10fffffff : System RAM (virtio_mem)\n";
    let snapshot = x86(&iomem, "", &[Online, Online]);
    let mut plan = plan(Purpose::Crash, r(0x6000_0000, 0x6010_0000));
    let codes = |plan: &_| {
        of_plan(&snapshot, plan, Loader::KexecLoad).into_iter().map(|f| f.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&plan), [MISSES]);
    plan.vmcore.push(r(0x1_0000_0000, 0x1_1000_0000));
    assert_eq!(codes(&plan), []);
}
