//! Runs the checks.

use evidence::Unknown;
use kexec::{Plan, Purpose};
use machine::Machine;
use rules::Rules;

use crate::checks::registry::{CHECKS, Check};
use crate::finding::Finding;
use crate::image::Image;
use crate::loaded::Loaded;
use crate::subject::Subject;
use crate::unknowable as open;

/// What is wrong with a machine and with what is loaded on it now, worst first. O(log + ranges).
pub fn audit(machine: &Machine, rules: &Rules) -> Vec<Finding> {
    let subject = Subject::of(machine, rules);
    let known = |purpose| match subject.loaded(purpose) {
        Loaded::Known(record) => Some(record),
        _ => None,
    };
    let image = |purpose| known(purpose).map(|record| Image::of_record(record, purpose));
    let (crash, reboot) = (image(Purpose::Crash), image(Purpose::Reboot));
    let of = |check: &Check| match check {
        Check::Machine(check) => check(&subject),
        Check::LoadedCrash(check) => check(&subject, known(Purpose::Crash)?),
        Check::Image(Purpose::Crash, check) => check(&subject, crash.as_ref()?),
        Check::Image(Purpose::Reboot, check) => check(&subject, reboot.as_ref()?),
        Check::NoReboot(check) if reboot.is_none() => check(&subject),
        Check::NoReboot(_) | Check::Planned(_) => None,
    };
    sorted(CHECKS.iter().filter_map(of).collect())
}

/// What is wrong with a plan, worst first.
pub fn of_plan(machine: &Machine, plan: &Plan, rules: &Rules) -> Vec<Finding> {
    let subject = Subject::of(machine, rules);
    let image = Image::of_plan(plan);
    let of = |check: &Check| match check {
        Check::Planned(check) => check(&subject, &image),
        Check::Image(purpose, check) if *purpose == plan.purpose => check(&subject, &image),
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
