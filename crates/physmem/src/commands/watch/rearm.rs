//! Loads an image again.

use std::path::Path;
use std::process::{Command, Stdio};

use act::kexec::Records;
use act::watch::{Image, State};
use audit::Checked;
use evidence::Record;
use machine::Machine;

use crate::cli::HowArguments;
use crate::commands::arm::{self, Loaded, Order, carry_out};

/// Runs the command that loads a crash kernel.
pub(super) fn by_command(command: &str) -> Result<String, String> {
    let ran = Command::new("/bin/sh").args(["-c", command]).stdin(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(format!("`{command}` ended well")),
        Ok(status) => Err(format!("`{command}`: {status}")),
        Err(error) => Err(format!("`{command}` cannot be run: {error}")),
    }
}

/// Loads it as its record says, or finishes a load that was not finished.
pub(super) fn by_record(machine: &Machine, image: Image) -> Result<String, String> {
    let unfinished = unfinished(machine, image);
    let record = match &unfinished {
        Some(record) => record,
        None => record(machine, image)?,
    };
    let loaded = carry_out(&Order::of_record(record), HowArguments::default());
    loaded.map(|loaded| said(&loaded, record)).map_err(|failure| failure.to_string())
}

/// What the machine shows about the image. `is_ours`: it is loaded by its record.
pub(super) fn state(machine: &Machine, checked: &[Checked], image: Image, is_ours: bool) -> State {
    if is_ours && let Some(record) = unfinished(machine, image) {
        // Whatever is loaded now: one more load makes that known.
        let what = format!(
            "a load of {} at {} was killed, or failed and cost the image before it",
            record.kernel.path, record.time
        );
        return State::Stale { rule: "load-unfinished".to_owned(), what };
    }
    arm::state_of(machine, image.purpose(), checked)
}

fn unfinished(machine: &Machine, image: Image) -> Option<Record> {
    let boot = machine.evidence.boot_id.read()?;
    Records::unfinished(Path::new("/"), image.purpose(), boot)
}

/// What was loaded, and what is new about it.
fn said(loaded: &Loaded, before: &Record) -> String {
    let now = &loaded.record;
    let changed: Vec<&str> =
        [Some((&now.kernel, &before.kernel)), now.initrd.as_ref().zip(before.initrd.as_ref())]
            .into_iter()
            .flatten()
            .filter(|(now, before)| now.sha256 != before.sha256)
            .map(|(now, _)| now.path.as_str())
            .collect();
    let mut text = format!("loaded {} from its record", now.kernel.path);
    if !changed.is_empty() {
        text.push_str("; changed since it was loaded first: ");
        text.push_str(&changed.join(", "));
    }
    text
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
