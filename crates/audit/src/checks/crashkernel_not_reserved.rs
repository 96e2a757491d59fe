//! `crashkernel=` that reserved nothing.

use kexec::{CrashKernel, PlanError};
use machine::Architecture;
use machine::boot::{BootInput, predict};
use machine::command_line::BootParameters;
use machine::command_line::crashkernel::CrashkernelError;
use rules::Class;

use crate::finding::{Code, Finding, Severity};
use crate::outcome::{Answer, missing, not_found, unread};
use crate::subject::{NAMES_ARCHITECTURE, Subject};

/// `crashkernel=` asks for memory, and there is no `Crash kernel`.
pub(crate) fn not_reserved(subject: &Subject<'_>) -> Answer {
    let log = subject.machine.evidence.log.read();
    let failure = log.and_then(|log| log.boot.crashkernel_failure());
    let seen = match subject.machine.resources() {
        Some(_) if CrashKernel::of(subject.machine) == Err(PlanError::NoCrashKernel) => {
            "/proc/iomem has no `Crash kernel`"
        }
        None if subject.crash_size() == Some(0) => "/sys/kernel/kexec_crash_size is 0",
        Some(_) => return Err(not_found("/proc/iomem has `Crash kernel`")),
        None if subject.crash_size().is_some() => {
            return Err(not_found("/sys/kernel/kexec_crash_size is not 0"));
        }
        // The kernel's own words need nothing beside them.
        None => match failure {
            Some(line) => return Ok(told_by_the_log(line)),
            None => return Err(unread("/proc/iomem", &subject.machine.evidence.resources)),
        },
    };
    let evidence = &subject.machine.evidence;
    let told = |otherwise| failure.map_or(Err(otherwise), |line| Ok(told_by_the_log(line)));
    let Some(line) = evidence.command_line.read() else {
        return told(unread("/proc/cmdline", &evidence.command_line));
    };
    // All architectures read the values alike, but for `,high` and `,cma` of some releases.
    let kernel = &subject.machine.kernel;
    let usual = || Architecture::from_map(kernel.facts.map_handed_on);
    let Some(architecture) = kernel.architecture.or_else(usual) else {
        return told(missing("the architecture is not named", NAMES_ARCHITECTURE));
    };
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
        Err(CrashkernelError::NotGiven | CrashkernelError::Zero | CrashkernelError::ZeroSize) => {
            return told(not_found("the command line asks for no crashkernel="));
        }
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
    Ok(Finding {
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

/// The kernel says itself that it reserved nothing.
fn told_by_the_log(line: &str) -> Finding {
    Finding {
        code: Code::CrashkernelNotReserved,
        severity: Severity::Error,
        what: "the kernel could not reserve memory for a crash kernel: none can be loaded".to_owned(),
        evidence: vec![format!("the kernel log: {line}")],
        remedy:
            "boot with a value that fits: physmem what-if --append crashkernel=256M says where it would lie"
                .to_owned(),
    }
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
