//! Runs the checks.

use evidence::Unknown;
use kexec::{Plan, Purpose};
use machine::Machine;
use rules::Rules;

use crate::checks::registry::{CHECKS, Check, Look};
use crate::finding::{Code, Finding};
use crate::image::Image;
use crate::outcome::{Answer, Checked, Outcome, not_found, outcome};
use crate::subject::Subject;
use crate::unknowable as open;

/// Why nothing is asked of an image where the kernel can load none.
const LOADS_NOTHING: &str = "this kernel loads no image: CONFIG_KEXEC and CONFIG_KEXEC_FILE are off (/proc/config.gz or \
                             /boot/config-RELEASE)";

/// What is wrong with a machine and with what is loaded on it now, worst first. O(log + ranges).
pub fn audit(machine: &Machine, rules: &Rules) -> Vec<Finding> {
    findings(&checked(machine, rules))
}

/// The findings among these outcomes, worst first.
pub fn findings(checked: &[Checked]) -> Vec<Finding> {
    let found = checked.iter().filter_map(|checked| match &checked.outcome {
        Outcome::Found(findings) => Some(findings.iter().cloned()),
        _ => None,
    });
    sorted(found.flatten().collect())
}

/// How each code ends on a machine, in the order of [`Code::ALL`]. O(log + ranges).
pub fn checked(machine: &Machine, rules: &Rules) -> Vec<Checked> {
    let subject = Subject::of(machine, rules);
    let image =
        |purpose| Image::of_loaded(&subject, purpose).ok_or_else(|| open::nothing_known(&subject, purpose));
    let dump = subject.dump().ok_or_else(|| open::nothing_known(&subject, Purpose::Crash));
    let (crash, reboot) = (image(Purpose::Crash), image(Purpose::Reboot));
    let of = |check: &Check| -> Option<Answer> {
        let on = |image: &Result<Image<'_>, _>, look: fn(&Subject<'_>, &Image<'_>) -> Answer| match image {
            Ok(image) => look(&subject, image),
            Err(nothing) => Err(Clone::clone(nothing)),
        };
        Some(match check.look {
            Look::Machine(look) => look(&subject),
            Look::Planned(_) => return None,
            _ if machine.kernel.facts.loads_nothing() => Err(not_found(LOADS_NOTHING)),
            Look::Loader(look) => look(&subject),
            Look::LoadedCrash(look) => match &dump {
                Ok(dump) => look(&subject, dump),
                Err(nothing) => Err(nothing.clone()),
            },
            Look::Image(Purpose::Crash, look) => on(&crash, look),
            Look::Image(Purpose::Reboot, look) => on(&reboot, look),
            Look::NoReboot(look) if reboot.is_err() => look(&subject),
            Look::NoReboot(_) => return None,
        })
    };
    let of_code = |code: Code| Checked {
        code,
        outcome: outcome(CHECKS.iter().filter(|check| check.code == code).filter_map(of)),
    };
    Code::ALL.into_iter().map(of_code).collect()
}

/// What is wrong with a plan, worst first.
pub fn of_plan(machine: &Machine, plan: &Plan, rules: &Rules) -> Vec<Finding> {
    let subject = Subject::of(machine, rules);
    let image = Image::of_plan(plan);
    let of = |check: &Check| match check.look {
        Look::Planned(look) => look(&subject, &image).ok(),
        Look::Image(purpose, look) if purpose == plan.purpose => look(&subject, &image).ok(),
        _ => None,
    };
    sorted(CHECKS.iter().filter_map(of).collect())
}

/// What could not be known, and which findings that leaves open.
pub fn unknowable(machine: &Machine) -> Vec<Unknown> {
    open::of(&Subject::of(machine, &Rules::LINUX))
}

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    debug_assert!(found.iter().all(|finding| !finding.evidence.is_empty()));
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}
