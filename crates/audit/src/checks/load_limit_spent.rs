//! Limits that allow no further load.

use kexec::Purpose;
use machine::releases::has_load_limits;

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, Nothing, missing, not_found};
use crate::subject::Subject;

/// One limit below /proc/sys/kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Disabled,
    Panic,
    Reboot,
}

impl Limit {
    const ALL: [Self; 3] = [Self::Disabled, Self::Panic, Self::Reboot];

    const fn file(self) -> &'static str {
        match self {
            Self::Disabled => "kexec_load_disabled",
            Self::Panic => "kexec_load_limit_panic",
            Self::Reboot => "kexec_load_limit_reboot",
        }
    }

    /// Its value, if it was read. For `kexec_load_disabled`, 1 means that loads are disabled.
    fn value(self, subject: &Subject<'_>) -> Option<i64> {
        let kexec = &subject.machine.evidence.kexec;
        match self {
            Self::Disabled => kexec.load_disabled.read().copied().map(i64::from),
            Self::Panic => kexec.load_limit_panic.read().copied(),
            Self::Reboot => kexec.load_limit_reboot.read().copied(),
        }
    }

    /// Whether this kernel counts loads; true if its release is unknown.
    fn are_counted(subject: &Subject<'_>) -> bool {
        let release = subject.machine.kernel.release.as_deref().and_then(|release| release.parse().ok());
        release.is_none_or(|release| has_load_limits(&release))
    }

    /// Whether it allows no load.
    fn is_spent(self, subject: &Subject<'_>) -> bool {
        let forbids = i64::from(self == Self::Disabled);
        self.value(subject) == Some(forbids)
    }
}

/// The files that were not read and that this kernel has.
pub(crate) fn unseen(subject: &Subject<'_>) -> Vec<&'static str> {
    let counts = Limit::are_counted(subject);
    let is_there = |limit: &Limit| *limit == Limit::Disabled || counts;
    let all = Limit::ALL.into_iter().filter(is_there);
    all.filter(|limit| limit.value(subject).is_none()).map(Limit::file).collect()
}

/// No load is allowed any more, for one purpose or for both.
pub(crate) fn spent(subject: &Subject<'_>) -> Answer {
    of(subject, &Limit::ALL)
}

/// The planned load is not allowed any more: the system call would fail with EPERM.
pub(crate) fn spent_for(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    let limit = match image.purpose {
        Purpose::Crash => Limit::Panic,
        Purpose::Reboot => Limit::Reboot,
    };
    of(subject, &[Limit::Disabled, limit]).map(|finding| Finding { severity: Severity::Error, ..finding })
}

fn of(subject: &Subject<'_>, limits: &[Limit]) -> Answer {
    let spent: Vec<Limit> = limits.iter().copied().filter(|limit| limit.is_spent(subject)).collect();
    let purpose = match spent.as_slice() {
        [] => return Err(none_spent(subject, limits)),
        [Limit::Panic] => "no crash kernel",
        [Limit::Reboot] => "no kernel for a reboot",
        _ => "no kernel",
    };
    // Disabling loads may be intended; but if no crash kernel is loaded now, none can be until the next boot.
    let crash_loaded = subject.machine.evidence.kexec.crash_loaded.read().copied();
    let lacks_crash_kernel = crash_loaded == Some(false) && spent.iter().any(|limit| *limit != Limit::Reboot);
    let severity = if lacks_crash_kernel { Severity::Warning } else { Severity::Note };
    let value = |limit: &Limit| {
        format!("/proc/sys/kernel/{} is {}", limit.file(), limit.value(subject).unwrap_or_default())
    };
    let mut evidence: Vec<String> = spent.iter().map(value).collect();
    evidence
        .extend(crash_loaded.map(|loaded| format!("/sys/kernel/kexec_crash_loaded is {}", u8::from(loaded))));
    Ok(Finding {
        code: Code::LoadLimitSpent,
        severity,
        what: format!("{purpose} can be loaded until the next boot, not even again after an unplug"),
        evidence,
        remedy: "reboot: these values only go down; load first, then lock down, and leave one load for each \
                 future unplug"
            .to_owned(),
    })
}

/// Why no limit is known to be spent.
fn none_spent(subject: &Subject<'_>, limits: &[Limit]) -> Nothing {
    let unseen: Vec<&str> =
        unseen(subject).into_iter().filter(|file| limits.iter().any(|limit| limit.file() == *file)).collect();
    if !unseen.is_empty() {
        let why = format!("{} below /proc/sys/kernel not there, or not captured", unseen.join(", "));
        return missing(why, "capture /proc/sys/kernel/kexec_load_*");
    }
    not_found(if Limit::are_counted(subject) {
        "kexec_load_disabled is 0, and the limits below /proc/sys/kernel allow loads"
    } else {
        "kexec_load_disabled is 0, and a kernel of this release counts no loads"
    })
}

#[cfg(test)]
mod tests;
