//! Limits on loads that leave none.

use crate::finding::{Code, Finding, Severity};

use super::scene::Scene;
use crate::plan::Purpose;

/// The files below /proc/sys/kernel, and the value that allows no load.
pub(super) const FILES: [(&str, &str); 3] =
    [("kexec_load_disabled", "1"), ("kexec_load_limit_panic", "0"), ("kexec_load_limit_reboot", "0")];

/// No load is allowed any more, for one purpose or for both.
pub(super) fn spent(scene: &Scene<'_>) -> Option<Finding> {
    of(scene, &FILES)
}

/// The planned load is not allowed any more: the system call would fail with EPERM.
pub(super) fn spent_for(scene: &Scene<'_>, purpose: Purpose) -> Option<Finding> {
    let [disabled, panic, reboot] = FILES;
    let limit = match purpose {
        Purpose::Crash => panic,
        Purpose::Reboot => reboot,
    };
    of(scene, &[disabled, limit]).map(|finding| Finding { severity: Severity::Error, ..finding })
}

fn of(scene: &Scene<'_>, files: &[(&'static str, &str)]) -> Option<Finding> {
    let spent: Vec<&str> = files
        .iter()
        .filter(|(name, value)| scene.kexec_value(name) == Some(*value))
        .map(|(name, _)| *name)
        .collect();
    let purpose = match spent.as_slice() {
        [] => return None,
        ["kexec_load_limit_panic"] => "no crash kernel",
        ["kexec_load_limit_reboot"] => "no kernel for a reboot",
        _ => "no kernel",
    };
    // Whoever disables loads may have meant it; a crash kernel that is not there will not come any more, either.
    let lacks_crash_kernel =
        scene.kexec_value("kexec_crash_loaded") == Some("0") && spent.iter().any(|name| *name != FILES[2].0);
    let severity = if lacks_crash_kernel { Severity::Warning } else { Severity::Note };
    let value =
        |name: &&str| format!("/proc/sys/kernel/{name} is {}", scene.kexec_value(name).unwrap_or_default());
    let mut evidence: Vec<String> = spent.iter().map(value).collect();
    evidence.extend(
        scene.kexec_value("kexec_crash_loaded").map(|v| format!("/sys/kernel/kexec_crash_loaded is {v}")),
    );
    Some(Finding {
        code: Code::LoadLimitSpent,
        severity,
        what: format!("{purpose} can be loaded any more before the next boot, nor loaded again after an unplug"),
        evidence,
        remedy: "reboot: these values only go down; load first and lock down then, and leave one load for each unplug \
                 that is to come"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests;
