//! The machine that a plan starts with.

use machine::life::Life;
use machine::{Machine, Unknown, hotplug};

use crate::cli::MachineArguments;
use crate::failure::Failure;
use crate::input;

/// A machine, and its life from now on.
pub(crate) struct Source {
    pub(crate) origin: String,
    pub(crate) machine: Machine,
    pub(crate) life: Life,
    /// What is not known.
    pub(crate) unknown: Vec<Unknown>,
}

/// The machine that the arguments name.
pub(crate) fn named(arguments: &MachineArguments) -> Result<Source, Failure> {
    let snapshot = input::stated_snapshot(arguments)?;
    let origin = snapshot.origin.clone();
    let machine =
        Machine::of(&snapshot).map_err(|source| Failure::Machine { origin: origin.clone(), source })?;
    let life = Life::of(&machine).map_err(|source| Failure::Life { origin: origin.clone(), source })?;
    let mut unknown = machine.unknown.clone();
    unknown.extend(life.unknown().iter().cloned());
    Ok(Source { origin, machine, life, unknown })
}

/// A virtual machine that nobody captured.
pub(crate) fn base(size: u64) -> Result<Source, Failure> {
    let snapshot = hotplug::qemu_pc(size).map_err(|error| Failure::Hotplug(format!("--base: {error}")))?;
    let origin = snapshot.origin.clone();
    let machine =
        Machine::of(&snapshot).map_err(|source| Failure::Machine { origin: origin.clone(), source })?;
    let life = Life::of(&machine).map_err(|source| Failure::Life { origin: origin.clone(), source })?;
    let unknown = vec![Unknown::new(
        "what the machine is",
        "--base says only its size",
        "taken as QEMU's pc with one node, under Linux 6.12 with its default settings; added blocks go online",
    )];
    Ok(Source { origin, machine, life, unknown })
}
