//! Where a simulation begins: the machine as it was read, or right after a predicted boot.

use std::path::Path;

use evidence::{Snapshot, Unknown};
use machine::command_line;
use machine::life::booted;
use rules::Rules;

use crate::boot_input;
use crate::cli::{BootSourceArguments, EditArguments};
use crate::failure::Failure;
use crate::input;

/// The machine to begin with, and what is taken for it. The boot is predicted if the user changes what the machine boots
/// with, or if nothing shows its memory as it is now.
pub(crate) fn snapshot(
    given: &BootSourceArguments,
    edits: &EditArguments,
    from: Option<&Path>,
) -> Result<(Snapshot, Vec<Unknown>), Failure> {
    let is_given = given.input.from.is_some() || given.input.sysroot.is_some() || !given.firmware.is_empty();
    let mut base = match from.filter(|_| !is_given) {
        Some(path) => host::read(path)?,
        None => boot_input::snapshot(given)?,
    };
    let is_edited = edits.cmdline.is_some() || !edits.append.is_empty() || !edits.remove.is_empty();
    let missing = base.missing_tables();
    let is_shown = missing.is_none();
    if is_shown && !is_edited && given.firmware.is_empty() {
        if let Some(release) = &edits.kernel_release {
            input::state_release(&mut base, release);
        }
        return Ok((base, Vec::new()));
    }
    let boot = boot_input::predict(&base, given, edits, &Rules::LINUX)?;
    let before = base.command_line.read().cloned().unwrap_or_default();
    let after = &boot.input.command_line;
    if is_edited {
        // A setting that neither command line makes is what the kernel was built with; others follow from the new one.
        base.forget_this_boot(|name| command_line::has(&before, name) || command_line::has(after, name));
        input::state_command_line(&mut base, after.clone());
    }
    if let Some(release) = &edits.kernel_release {
        input::state_release(&mut base, release);
    }
    let mut unknown = boot.prediction.assumed.clone();
    unknown.push(Unknown::new(
        "memory right after the boot",
        missing.unwrap_or("the machine booted with another command line"),
        "the boot is predicted, as `physmem boot` shows it, and memory that drivers add after boot is not there",
    ));
    Ok((booted(&base, &boot.input, &boot.prediction), unknown))
}
