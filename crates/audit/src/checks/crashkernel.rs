//! The memory that is set aside for a crash kernel: none, too little, or unused.

use kexec::{CrashKernel, PlanError, Purpose, SegmentKind};
use machine::boot::{BootInput, predict};
use machine::command_line::BootParameters;
use machine::command_line::crashkernel::CrashkernelError;
use memblock::PhysRange;
use rules::Class;

use crate::finding::{Code, Finding, Severity};
use crate::loaded::Loaded;
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
pub(crate) fn too_small(subject: &Subject<'_>) -> Option<Finding> {
    let area = CrashKernel::of(subject.machine).ok()?.area;
    let kernel = running_kernel(subject)?;
    (area.size() < kernel.size()).then(|| Finding {
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
fn running_kernel(subject: &Subject<'_>) -> Option<PhysRange> {
    let tree = subject.machine.resources()?;
    let named = |name: &str| tree.resources().iter().find(|resource| resource.name == name)?.range().ok();
    Some(named("Kernel code")?.hull(named("Kernel bss")?))
}

/// `crashkernel=` asks for memory, and there is no `Crash kernel`.
pub(crate) fn not_reserved(subject: &Subject<'_>) -> Option<Finding> {
    let seen = match subject.machine.resources() {
        Some(_) if CrashKernel::of(subject.machine) == Err(PlanError::NoCrashKernel) => {
            "/proc/iomem has no `Crash kernel`"
        }
        None if crash_size(subject) == Some(0) => "/sys/kernel/kexec_crash_size is 0",
        _ => return None,
    };
    let line = subject.machine.evidence.command_line.read()?;
    let architecture = subject.machine.kernel.architecture?;
    let release = subject.machine.kernel.release.as_deref().and_then(|release| release.parse().ok());
    let asked =
        BootParameters::parse(line, architecture, &release.unwrap_or_else(machine::releases::checked))
            .crashkernel;
    let prediction =
        BootInput::of(&subject.machine.evidence).ok().and_then(|input| predict(&input, subject.rules).ok());
    let memory = prediction.as_ref().map_or_else(
        || boot_memory(subject),
        |prediction| prediction.memory.iter().map(|region| region.range.size()).sum(),
    );
    let error = match asked.request(memory) {
        // Nothing is asked for.
        Err(CrashkernelError::NotGiven | CrashkernelError::Zero | CrashkernelError::ZeroSize) => return None,
        Err(error) => Some(error.to_string()),
        Ok(_) => prediction.and_then(|prediction| prediction.crashkernel.error),
    };
    let values = [&asked.plain, &asked.high, &asked.low];
    let asked: Vec<String> =
        values.into_iter().flatten().map(|value| format!("crashkernel={value}")).collect();
    let asked = asked.join(" ");
    let log = subject.machine.evidence.log.read().map_or(&[][..], |log| &log.quotes.crashkernel);
    let given_back = log.iter().any(|line| line.starts_with("crashkernel reserved"));
    let mut evidence = vec![format!("the command line: {asked}"), seen.to_owned()];
    evidence.extend(log.iter().map(|line| format!("the kernel log: {line}")));
    evidence.extend(error.map(|error| format!("the boot, predicted: {error}")));
    Some(Finding {
        code: Code::CrashkernelNotReserved,
        severity: Severity::Error,
        what: if given_back {
            format!("{asked}, and what was reserved at boot has been given back (kexec_crash_size)")
        } else {
            format!("{asked}, and no memory is reserved: no crash kernel can be loaded")
        },
        evidence,
        remedy: if given_back {
            "boot again: memory that was given back returns only then".to_owned()
        } else {
            "boot with a value that fits: physmem what-if --append crashkernel=256M says where it would lie"
                .to_owned()
        },
    })
}

/// The memory that the kernel had when it made the reservation, as far as /proc/iomem shows it.
fn boot_memory(subject: &Subject<'_>) -> u64 {
    let of_boot = |class| matches!(class, Some(Class::Boot | Class::BootHotpluggable));
    subject
        .machine
        .ranges
        .iter()
        .filter(|memory| of_boot(memory.class))
        .map(|memory| memory.range.size())
        .sum()
}

/// `/sys/kernel/kexec_crash_size`.
fn crash_size(subject: &Subject<'_>) -> Option<u64> {
    subject.machine.evidence.kexec.crash_size.read().copied()
}

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
            let bytes = crash_size(subject).filter(|&bytes| bytes != 0)?;
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

#[cfg(test)]
mod tests;
