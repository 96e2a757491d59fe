//! What a look at the machine says about a loaded image.

use act::watch::{Image, State};
use audit::{Code, Outcome};
use machine::Machine;
use rules::Rules;

/// The findings that a load again repairs, for each image.
fn repaired(image: Image) -> &'static [Code] {
    match image {
        Image::Kexec => &[Code::ImageInRemovedMemory],
        Image::Kdump => &[Code::DumpHeaderStale, Code::DumpMissesMemory],
    }
}

/// What the machine shows about the image.
pub(super) fn state(machine: &Machine, image: Image) -> State {
    let kexec = &machine.evidence.kexec;
    let is_loaded = match image {
        Image::Kexec => &kexec.loaded,
        Image::Kdump => &kexec.crash_loaded,
    };
    match is_loaded.read() {
        Some(false) => return State::NotLoaded,
        Some(true) => {}
        None => {
            let why =
                "nothing below /sys/kernel shows whether it is loaded: a kernel without kexec, or no /sys";
            return State::CannotTell { why: why.to_owned() };
        }
    }
    let mut untold = None;
    for checked in audit::checked(machine, &Rules::LINUX) {
        if !repaired(image).contains(&checked.code) {
            continue;
        }
        match checked.outcome {
            Outcome::Found(findings) => {
                if let Some(finding) = findings.into_iter().next() {
                    return State::Stale { rule: checked.code.to_string(), what: finding.what };
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
