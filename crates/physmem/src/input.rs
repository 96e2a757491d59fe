//! Reads the machine a command works on.

use std::path::Path;

use evidence::snapshot::stand_in;
use evidence::{Evidence, Source};
use machine::boot::BootInput;
use machine::{Machine, MachineError, Release, Snapshot};

use crate::cli::{InputArguments, MachineArguments};
use crate::failure::Failure;

/// The snapshot that the arguments name.
pub(crate) fn snapshot(arguments: &InputArguments) -> Result<Snapshot, Failure> {
    match arguments.from.as_deref().or(arguments.sysroot.as_deref()) {
        Some(path) if path == Path::new("/") => Ok(host::read_live()?),
        Some(path) => Ok(host::read(path)?),
        None => Ok(host::read_live()?),
    }
}

/// Takes a command line for the machine's own. What stood in for that is no longer assumed.
pub(crate) fn state_command_line(snapshot: &mut Snapshot, line: String) {
    snapshot.stand_ins.remove(stand_in::COMMAND_LINE);
    snapshot.command_line = Source::Read(line);
}

/// Takes a release for the machine's own. What stood in for that is no longer assumed.
pub(crate) fn state_release(snapshot: &mut Snapshot, release: &Release) {
    snapshot.stand_ins.remove(stand_in::RELEASE);
    snapshot.version = Source::Read(format!("Linux version {release}"));
}

/// The machine that the arguments name.
pub(crate) fn machine(arguments: &MachineArguments) -> Result<Machine, Failure> {
    let evidence = stated(arguments)?;
    let origin = evidence.origin.clone();
    // A log, or a firmware map, shows what the machine booted with even where nothing shows what became of it.
    let shows_nothing = evidence.resources.read().is_none() && evidence.blocks.read().is_none();
    let shows_boot = shows_nothing && BootInput::of(&evidence).is_ok();
    Machine::of(evidence).map_err(|source| match source {
        MachineError::Nothing { .. } if shows_boot => Failure::OnlyBoot { origin, source },
        source => Failure::Machine { origin, source },
    })
}

/// The machine that the arguments name, even if only a kernel log shows something of it.
pub(crate) fn machine_or_log(arguments: &MachineArguments) -> Result<Machine, Failure> {
    let evidence = stated(arguments)?;
    let origin = evidence.origin.clone();
    let machine = if evidence.log.read().is_some() {
        Machine::with_or_without_memory(evidence)
    } else {
        Machine::of(evidence)
    };
    machine.map_err(|source| Failure::Machine { origin, source })
}

/// What was read, with what the user states instead.
fn stated(arguments: &MachineArguments) -> Result<Evidence, Failure> {
    Ok(Evidence::from(stated_snapshot(arguments)?))
}

/// The snapshot that the arguments name, with what the user states instead.
pub(crate) fn stated_snapshot(arguments: &MachineArguments) -> Result<Snapshot, Failure> {
    let mut snapshot = snapshot(&arguments.input)?;
    if let Some(release) = &arguments.kernel_release {
        state_release(&mut snapshot, release);
    }
    Ok(snapshot)
}
