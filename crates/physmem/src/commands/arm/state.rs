//! Whether what is loaded still describes the machine.

use act::watch::State;
use audit::{Checked, Code, Finding, Outcome};
use kexec::Purpose;
use machine::Machine;
use rules::Rules;

use super::carry_out::is_loaded;

/// The findings that a load again repairs.
const fn repaired(purpose: Purpose) -> &'static [Code] {
    match purpose {
        Purpose::Reboot => &[Code::ImageInRemovedMemory, Code::MapListsRemovedMemory],
        Purpose::Crash => &[Code::DumpHeaderStale, Code::DumpMissesMemory],
    }
}

/// What else may be wrong with a loaded image.
const fn faults(purpose: Purpose) -> &'static [Code] {
    match purpose {
        Purpose::Reboot => &[
            Code::ImageInRemovableMemory,
            Code::ImageInUntoldMemory,
            Code::ImageInMisalignedCma,
            Code::ImageOverInterruptTables,
            Code::SoftReservedNotCarried,
        ],
        Purpose::Crash => &[Code::KdumpOnlinesDumpedMemory, Code::NextKernelMapOverflow, Code::KdumpNotArmed],
    }
}

/// What the machine shows about the image.
pub(crate) fn state(machine: &Machine, purpose: Purpose) -> State {
    state_of(machine, purpose, &audit::checked(machine, &Rules::LINUX))
}

/// The same from the outcomes of all checks.
pub(crate) fn state_of(machine: &Machine, purpose: Purpose, checked: &[Checked]) -> State {
    match is_loaded(machine, purpose) {
        Some(false) => return State::NotLoaded,
        Some(true) => {}
        None => {
            let why =
                "nothing below /sys/kernel shows whether it is loaded: a kernel without kexec, or no /sys";
            return State::CannotTell { why: why.to_owned() };
        }
    }
    let mut untold = None;
    for checked in checked.iter().filter(|checked| repaired(purpose).contains(&checked.code)) {
        match &checked.outcome {
            Outcome::Found(findings) => {
                if let Some(finding) = findings.first() {
                    return State::Stale { rule: checked.code.to_string(), what: finding.what.clone() };
                }
            }
            Outcome::CannotTell(gap) => {
                untold.get_or_insert(format!("{}: {}; help: {}", checked.code, gap.why, gap.remedy));
            }
            Outcome::NotFound(_) => {}
        }
    }
    untold.map_or(State::Good, |why| State::CannotTell { why })
}

/// All that is wrong with the image, worst first.
pub(super) fn findings(purpose: Purpose, checked: &[Checked]) -> Vec<Finding> {
    let about = |code: &Code| repaired(purpose).contains(code) || faults(purpose).contains(code);
    // What is wrong with the map of a reboot does not depend on what is loaded.
    let is_meant = |finding: &Finding| about(&finding.code) && !audit::is_of_reboot(finding);
    audit::findings(checked).into_iter().filter(is_meant).collect()
}
