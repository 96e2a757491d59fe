//! Reads and edits the input of a boot prediction.

use evidence::{Evidence, Source};
use machine::boot::{self, BootInput, Prediction};
use machine::command_line::{edit, unknown_changes};
use machine::releases::{Target, boots_compared, loads_compared, nearest_compared, not_modelled};
use machine::{Snapshot, Unknown};
use rules::Rules;

use crate::cli::{BootSourceArguments, EditArguments};
use crate::failure::Failure;
use crate::input;

/// A boot: its input, the rules, and the prediction.
#[derive(Debug)]
pub(crate) struct Boot {
    pub(crate) input: BootInput,
    pub(crate) rules: &'static Rules,
    pub(crate) prediction: Prediction,
}

/// The snapshot that the arguments name.
pub(crate) fn snapshot(arguments: &BootSourceArguments) -> Result<Snapshot, Failure> {
    if arguments.firmware.is_empty() {
        return input::snapshot(&arguments.input);
    }
    Ok(host::read_firmware(&arguments.firmware)?)
}

/// Predicts a boot, with the edits applied to command line and release.
pub(crate) fn predict(
    snapshot: &Snapshot,
    source: &BootSourceArguments,
    edits: &EditArguments,
    rules: &'static Rules,
) -> Result<Boot, Failure> {
    let origin = || snapshot.origin.clone();
    let evidence = Evidence::from(edit(snapshot, edits)?);
    let mut input =
        BootInput::of(&evidence).map_err(|source| Failure::BootInput { origin: origin(), source })?;
    if let Some(image) = source.kernel_image {
        input.put_kernel_image(image);
    }
    input.initrd = source.initrd.or(input.initrd);
    if !evidence.log.read().is_some_and(|log| log.boot.has_beginning) {
        input.assumed.push(Unknown::new(
            "what only the beginning of the kernel log shows",
            "there is no log, or it does not reach back to the banner",
            "where ACPI's tables and the boot loader's data lie, and sizes that this build decides, are taken \
             as none or as a distribution's kernel has them: small reservations may lie elsewhere",
        ));
    }
    let target = Target::new(input.platform.architecture(), input.release.clone());
    if boots_compared(&target).is_some() {
        // It is as predicted.
    } else if not_modelled(&target).next().is_some() {
        let why = match loads_compared(target.architecture).first() {
            Some(oldest) => format!("the oldest kernel that predictions were compared with is {oldest}"),
            None => "only boots of 64-bit kernels were compared with predictions".to_owned(),
        };
        for (what, effect) in not_modelled(&target) {
            input.assumed.push(Unknown::new(what, &why, effect));
        }
    } else {
        let nearest = nearest_compared(&target);
        input.assumed.push(Unknown::new(
            &format!("what Linux {} does differently", input.release),
            &format!("predictions were compared with boots of Linux {nearest}, the nearest release"),
            &format!("what documents say of other releases is followed; all else is as in {nearest}"),
        ));
    }
    if snapshot.command_line.read().is_none() && edits.cmdline.is_none() && !edits.append.is_empty() {
        input.assumed.push(Unknown::new(
            "the rest of the command line",
            "nothing shows what the machine was booted with",
            "taken as empty: only what --append adds is there; --cmdline gives all of it",
        ));
    }
    let before = snapshot.command_line.read().map_or("", String::as_str);
    for parameter in unknown_changes(before, &input.command_line) {
        input.assumed.push(Unknown::new(
            &format!("whether {parameter} affects memory"),
            "physmem does not know this parameter",
            "taken to change nothing",
        ));
    }
    let prediction =
        boot::predict(&input, rules).map_err(|source| Failure::Boot { origin: origin(), source })?;
    Ok(Boot { input, rules, prediction })
}

/// The snapshot with the edits applied.
fn edit(snapshot: &Snapshot, edits: &EditArguments) -> Result<Snapshot, Failure> {
    let mut edited = snapshot.clone();
    if let Some(line) = &edits.cmdline {
        input::state_command_line(&mut edited, line.clone());
    }
    if !edits.append.is_empty() || !edits.remove.is_empty() {
        let mut line = edited.command_line.read().cloned().unwrap_or_default();
        for parameter in &edits.remove {
            let (left, count) = edit::remove(&line, parameter);
            if count == 0 {
                return Err(Failure::NotRemoved { parameter: parameter.clone(), line });
            }
            line = left;
        }
        for text in &edits.append {
            line = edit::append(&line, text);
        }
        edited.command_line = Source::Read(line);
    }
    if let Some(release) = &edits.kernel_release {
        input::state_release(&mut edited, release);
    }
    Ok(edited)
}
