//! Where a simulation begins: the machine as it was read, or right after a predicted boot.

use std::path::Path;

use evidence::{Snapshot, Unknown};
use machine::life::booted;
use rules::Rules;

use crate::boot_input;
use crate::cli::SimulateArguments;
use crate::failure::Failure;
use crate::input;

/// The machine to begin with, and what is taken for it. The boot is predicted if the user changes what the machine boots
/// with, or if nothing shows its memory as it is now.
pub(crate) fn snapshot(
    arguments: &SimulateArguments,
    from: Option<&Path>,
) -> Result<(Snapshot, Vec<Unknown>), Failure> {
    let given = &arguments.source;
    let is_given = given.input.from.is_some() || given.input.sysroot.is_some() || !given.firmware.is_empty();
    let mut base = match from.filter(|_| !is_given) {
        Some(path) => host::read(path)?,
        None => boot_input::snapshot(given)?,
    };
    let edits = &arguments.edits;
    let is_edited = edits.cmdline.is_some() || !edits.append.is_empty() || !edits.remove.is_empty();
    let is_shown = base.iomem.read().is_some() && base.memory_blocks.read().is_some();
    if is_shown && !is_edited && given.firmware.is_empty() {
        if let Some(release) = &edits.kernel_release {
            input::state_release(&mut base, release);
        }
        return Ok((base, Vec::new()));
    }
    let boot = boot_input::predict(&base, given, edits, &Rules::LINUX)?;
    if let Some(line) = Some(&boot.input.command_line).filter(|_| is_edited) {
        input::state_command_line(&mut base, line.clone());
    }
    if let Some(release) = &edits.kernel_release {
        input::state_release(&mut base, release);
    }
    if is_edited {
        // What these files show came of the command line that is no longer given.
        base.memory_hotplug.clear();
        base.kexec.clear();
    }
    let mut unknown = boot.prediction.assumed.clone();
    unknown.push(Unknown::new(
        "memory right after the boot",
        if is_shown { "the machine booted with another command line" } else { "nothing shows it" },
        "the boot is predicted, as `physmem boot` shows it, and memory that drivers add after boot is not there",
    ));
    Ok((booted(&base, &boot.input, &boot.prediction), unknown))
}
