//! What the release of the running kernel does.

use evidence::Release;
use machine::releases::{Target, is_known};
use machine::{Architecture, Machine};

/// The machine's release, if it is known.
pub(crate) fn of(machine: &Machine) -> Option<Release> {
    machine.kernel.release.as_deref()?.parse().ok()
}

/// The kernel's architecture; if it is not named, the usual one with such a map.
pub(crate) fn architecture(machine: &Machine) -> Option<Architecture> {
    machine.kernel.architecture.or_else(|| Architecture::from_map(machine.kernel.facts.map_handed_on))
}

/// Whether the running kernel behaves as this row of the table of releases says; `None` if its release or
/// architecture is unknown.
pub(crate) fn does(machine: &Machine, what: &str) -> Option<bool> {
    Some(is_known(what, &Target::new(architecture(machine)?, of(machine)?)))
}
