//! A reservation for a crash kernel, and none loaded.

use kexec::{CrashKernel, PlanError, Purpose};

use crate::finding::{Code, Finding, Severity};
use crate::loaded::Loaded;
use crate::outcome::{Answer, not_found, unread};
use crate::subject::{Subject, sized};

/// Memory is reserved, and no crash kernel loaded.
pub(crate) fn not_armed(subject: &Subject<'_>) -> Answer {
    if subject.is_crash_kernel() {
        return Err(not_found("this is a crash kernel itself (elfcorehdr)"));
    }
    match subject.loaded(Purpose::Crash) {
        Loaded::Nothing => {}
        Loaded::Unseen => {
            return Err(unread("/sys/kernel/kexec_crash_loaded", subject.is_loaded(Purpose::Crash)));
        }
        _ => return Err(not_found("/sys/kernel/kexec_crash_loaded is 1")),
    }
    let mut areas: Vec<String> = match CrashKernel::of(subject.machine) {
        Ok(crash_kernel) => {
            crash_kernel.areas().map(|area| format!("{} : Crash kernel", sized(area))).collect()
        }
        Err(PlanError::NoCrashKernel) => {
            return Err(not_found("/proc/iomem has no `Crash kernel`: nothing is reserved"));
        }
        Err(_) => {
            let source = &subject.machine.evidence.kexec.crash_size;
            let bytes = subject.crash_size().ok_or_else(|| unread("/sys/kernel/kexec_crash_size", source))?;
            if bytes == 0 {
                return Err(not_found("/sys/kernel/kexec_crash_size is 0: nothing is reserved"));
            }
            vec![format!("/sys/kernel/kexec_crash_size is {bytes}")]
        }
    };
    areas.push("/sys/kernel/kexec_crash_loaded is 0".to_owned());
    Ok(Finding {
        code: Code::KdumpNotArmed,
        severity: Severity::Warning,
        what: "memory is reserved for a crash kernel and none is loaded: a crash leaves no dump".to_owned(),
        evidence: areas,
        remedy: "load a crash kernel (kexec -p), or start the distribution's kdump service".to_owned(),
    })
}
