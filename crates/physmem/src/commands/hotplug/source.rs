//! The machine that a plan starts with.

use machine::life::Life;
use machine::{Machine, Snapshot, Unknown, hotplug};

use crate::cli::{BootSourceArguments, EditArguments, InputArguments};
use crate::commands::simulate;
use crate::failure::Failure;

/// A machine, and its life from now on.
pub(crate) struct Source {
    pub(crate) origin: String,
    pub(crate) machine: Machine,
    pub(crate) life: Life,
    /// What is not known.
    pub(crate) unknown: Vec<Unknown>,
}

/// The machine that the arguments name, as it is, or as it would boot.
pub(crate) fn named(input: &InputArguments, edits: &EditArguments) -> Result<Source, Failure> {
    let given = BootSourceArguments { input: input.clone(), ..BootSourceArguments::default() };
    let (snapshot, assumed) = simulate::begin(&given, edits, None)?;
    source(&snapshot, assumed)
}

/// A virtual machine that nobody captured.
pub(crate) fn base(size: u64) -> Result<Source, Failure> {
    let snapshot = hotplug::qemu_pc(size).map_err(|error| Failure::Hotplug(format!("--base: {error}")))?;
    let mut start = source(&snapshot, Vec::new())?;
    start.unknown = vec![Unknown::new(
        "what the machine is",
        "--base says only its size",
        "taken as QEMU's pc with one node, under Linux 6.12 with its default settings; added blocks go online",
    )];
    Ok(start)
}

fn source(snapshot: &Snapshot, mut unknown: Vec<Unknown>) -> Result<Source, Failure> {
    let origin = snapshot.origin.clone();
    let machine =
        Machine::of(snapshot).map_err(|source| Failure::Machine { origin: origin.clone(), source })?;
    let life = Life::of(&machine).map_err(|source| Failure::Life { origin: origin.clone(), source })?;
    unknown.extend(machine.unknown.iter().chain(life.unknown()).cloned());
    Ok(Source { origin, machine, life, unknown })
}
