//! A reservation for a crash kernel that holds less than it has to.

use kexec::{PlanError, SegmentKind};
use memblock::PhysRange;

use crate::finding::{Code, Finding, Severity};
use crate::outcome::{Answer, Nothing, hidden, not_found};
use crate::subject::{Subject, size, sized};

/// The finding for a crash kernel that cannot be planned; `None` if the cause is a different one.
pub fn of_plan_error(error: &PlanError) -> Option<Finding> {
    let header = SegmentKind::ElfCoreHeader;
    let remedy = match error {
        PlanError::NoHole { .. } | PlanError::NoKernelLocation { .. } => {
            "boot with a larger crashkernel=, or load a smaller initial ramdisk"
        }
        PlanError::TooSmall { kind, .. } if *kind == header => {
            "a kernel with a larger CONFIG_CRASH_MAX_MEMORY_RANGES has room for more ranges of memory"
        }
        _ => return None,
    };
    Some(Finding {
        code: Code::CrashkernelTooSmall,
        severity: Severity::Error,
        what: "the planned crash kernel does not fit".to_owned(),
        evidence: vec![error.to_string()],
        remedy: remedy.to_owned(),
    })
}

/// The reservation is smaller than the running kernel: another kernel like it does not fit.
pub(crate) fn too_small(subject: &Subject<'_>) -> Answer {
    let area = subject.crash_kernel()?.area;
    let kernel = running_kernel(subject)?;
    if area.size() >= kernel.size() {
        return Err(not_found(format!(
            "{} are reserved, and the running kernel takes {} (/proc/iomem)",
            size(area.size()),
            size(kernel.size())
        )));
    }
    Ok(Finding {
        code: Code::CrashkernelTooSmall,
        severity: Severity::Warning,
        what: format!(
            "{} are reserved for a crash kernel, and the running one alone takes {}",
            size(area.size()),
            size(kernel.size())
        ),
        evidence: vec![
            format!("{} : Crash kernel", sized(area)),
            format!("{} : Kernel code to Kernel bss", sized(kernel)),
        ],
        remedy: "boot with a larger crashkernel=".to_owned(),
    })
}

/// From the kernel's code to its bss.
fn running_kernel(subject: &Subject<'_>) -> Result<PhysRange, Nothing> {
    let tree = subject.tree()?;
    let named = |name: &str| tree.resources().iter().find(|resource| resource.name == name)?.range().ok();
    let hull = || Some(named("Kernel code")?.hull(named("Kernel bss")?));
    hull().ok_or_else(|| hidden("/proc/iomem does not name the running kernel", "a whole /proc/iomem"))
}
