use crate::finding::{Code, Severity};

use rules::Loader;

use crate::testing::{IOMEM, found, of_plan, plan, r, set, the, x86};
use kexec::Purpose;

const CODE: Code = Code::LoadLimitSpent;

#[test]
fn a_limit_that_is_spent_names_what_can_no_longer_be_loaded() {
    for (name, value, words) in [
        ("kexec_load_disabled", "1", "no kernel can"),
        ("kexec_load_limit_panic", "0", "no crash kernel can"),
        ("kexec_load_limit_reboot", "0", "no kernel for a reboot can"),
    ] {
        let mut snapshot = x86(IOMEM, "", &[]);
        set(&mut snapshot, name, value);
        let finding = the(&snapshot, CODE);
        assert!(finding.what.starts_with(words), "{finding:?}");
        assert_eq!(finding.evidence[0], format!("/proc/sys/kernel/{name} is {value}"));
        assert_eq!(finding.severity, Severity::Note);
    }
}

#[test]
fn a_crash_kernel_that_can_never_come_is_more_than_a_note() {
    let mut snapshot = x86(IOMEM, "", &[]);
    set(&mut snapshot, "kexec_crash_loaded", "0");
    set(&mut snapshot, "kexec_load_limit_reboot", "0");
    assert_eq!(the(&snapshot, CODE).severity, Severity::Note);
    set(&mut snapshot, "kexec_load_limit_panic", "0");
    assert_eq!(the(&snapshot, CODE).severity, Severity::Warning);
}

#[test]
fn limits_that_leave_loads_and_no_limits_are_healthy() {
    let mut snapshot = x86(IOMEM, "", &[]);
    assert_eq!(found(&snapshot, CODE), []);
    for (name, value) in
        [("kexec_load_disabled", "0"), ("kexec_load_limit_panic", "-1"), ("kexec_load_limit_reboot", "3")]
    {
        set(&mut snapshot, name, value);
    }
    assert_eq!(found(&snapshot, CODE), []);
}

#[test]
fn a_plan_is_held_against_the_limit_of_its_own_purpose() {
    let mut snapshot = x86(IOMEM, "", &[]);
    set(&mut snapshot, "kexec_load_limit_reboot", "0");
    let of = |purpose| {
        let plan = plan(purpose, r(0x1000_0000, 0x1100_0000));
        let found = of_plan(&snapshot, &plan, Loader::KexecFileLoad);
        found.iter().find(|finding| finding.code == CODE).map(|finding| finding.severity)
    };
    assert_eq!((of(Purpose::Reboot), of(Purpose::Crash)), (Some(Severity::Error), None));
}
