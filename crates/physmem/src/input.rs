//! Reads the machine a command works on.

use std::path::Path;

use machine::{Machine, Snapshot};

use crate::cli::InputArguments;
use crate::failure::Failure;

/// The snapshot that the arguments name.
pub(crate) fn snapshot(arguments: &InputArguments) -> Result<Snapshot, Failure> {
    match arguments.from.as_deref().or(arguments.sysroot.as_deref()) {
        Some(path) if path == Path::new("/") => Ok(host::read_live()?),
        Some(path) => Ok(host::read(path)?),
        None => Ok(host::read_live()?),
    }
}

/// The machine that the arguments name.
pub(crate) fn machine(arguments: &InputArguments) -> Result<Machine, Failure> {
    let snapshot = snapshot(arguments)?;
    let origin = snapshot.origin.clone();
    Machine::of(snapshot).map_err(|source| Failure::Machine { origin, source })
}
