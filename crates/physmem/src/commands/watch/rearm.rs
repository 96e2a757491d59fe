//! Loads an image again.

use std::process::{Command, Stdio};

use act::watch::Image;
use evidence::Record;
use machine::Machine;

/// Runs the command that loads a crash kernel.
pub(super) fn by_command(command: &str) -> Result<String, String> {
    let ran = Command::new("/bin/sh").args(["-c", command]).stdin(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(format!("`{command}` ended well")),
        Ok(status) => Err(format!("`{command}`: {status}")),
        Err(error) => Err(format!("`{command}` cannot be run: {error}")),
    }
}

/// Loads it as its record says.
pub(super) fn by_record(machine: &Machine, image: Image) -> Result<String, String> {
    let record = record(machine, image)?;
    Err(format!("{} was recorded, but this version of physmem loads only by --exec", record.kernel.path))
}

/// The record by which an image can be loaded again: of this boot, and readable.
fn record(machine: &Machine, image: Image) -> Result<&Record, String> {
    let (source, command) = match image {
        Image::Kexec => (&machine.evidence.kexec_record, "physmem kexec load"),
        Image::Kdump => (&machine.evidence.kdump_record, "physmem kdump load"),
    };
    let help = match image {
        Image::Kexec => String::new(),
        Image::Kdump => ", or give the command that loads it with --exec".to_owned(),
    };
    let record = match source {
        evidence::Source::Read(record) => record,
        evidence::Source::Unreadable { why, .. } => {
            return Err(format!("{why}; load it with `{command}`{help}"));
        }
        evidence::Source::Missing => {
            return Err(format!(
                "another program loaded it, and how is not known; load it with `{command}`{help}"
            ));
        }
    };
    if machine.evidence.boot_id.read() == Some(&record.boot_id) {
        Ok(record)
    } else {
        Err(format!("the record in /run/physmem is of another boot; load it with `{command}`{help}"))
    }
}
