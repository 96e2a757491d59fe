//! A reservation for a crash kernel, and none loaded.

use kexec::{CrashKernel, PlanError, Purpose};

use crate::finding::{Code, Finding, Severity};
use crate::loaded::Loaded;
use crate::subject::{Subject, sized};

/// Memory is reserved, and no crash kernel loaded.
pub(crate) fn not_armed(subject: &Subject<'_>) -> Option<Finding> {
    if !matches!(subject.loaded(Purpose::Crash), Loaded::Nothing) || subject.is_crash_kernel() {
        return None;
    }
    let mut areas: Vec<String> = match CrashKernel::of(subject.machine) {
        Ok(crash_kernel) => {
            crash_kernel.areas().map(|area| format!("{} : Crash kernel", sized(area))).collect()
        }
        Err(PlanError::NoCrashKernel) => return None,
        Err(_) => {
            let bytes = subject.crash_size().filter(|&bytes| bytes != 0)?;
            vec![format!("/sys/kernel/kexec_crash_size is {bytes}")]
        }
    };
    areas.push("/sys/kernel/kexec_crash_loaded is 0".to_owned());
    Some(Finding {
        code: Code::KdumpNotArmed,
        severity: Severity::Warning,
        what: "memory is reserved for a crash kernel and none is loaded: a crash leaves no dump".to_owned(),
        evidence: areas,
        remedy: "load a crash kernel (kexec -p), or start the distribution's kdump service".to_owned(),
    })
}
