//! Runs `physmem kexec exec`.

use std::io::Write;
use std::path::Path;

use act::kexec::{Start, start};
use act::watch::State;
use kexec::Purpose;

use super::carry_out::{is_loaded, live};
use super::state::state;
use crate::cli::ExecArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::output::lines::wrapped;

pub(crate) fn run(arguments: &ExecArguments, out: &mut impl Write) -> Result<Done, Failure> {
    let machine = live()?;
    if is_loaded(&machine, Purpose::Reboot) == Some(false) {
        return Err(Failure::NotStarted {
            what: "no kernel is loaded for a reboot (/sys/kernel/kexec_loaded is 0)".to_owned(),
            remedy: "physmem kexec load --kernel FILE",
        });
    }
    let untold = match state(&machine, Purpose::Reboot) {
        State::Stale { rule, what } if !arguments.force => {
            return Err(Failure::NotStarted {
                what: format!("the loaded kernel was not started: {rule}: {what}"),
                remedy: "load it again (physmem kexec load); --force starts it all the same",
            });
        }
        State::CannotTell { why } => Some(why),
        State::Stale { .. } | State::Good | State::NotLoaded => None,
    };
    if let Some(why) = untold {
        wrapped(
            out,
            "kexec: ",
            "  ",
            &format!("it cannot be told whether the loaded image still lies in memory: {why}"),
        )?;
    }
    let how = if arguments.at_once { Start::AtOnce } else { Start::of(Path::new("/")) };
    let (word, what) = match how {
        Start::Systemd => ("through systemd", "which stops the services first"),
        Start::AtOnce => {
            ("at once", "no service is stopped and nothing is unmounted; file systems are written back")
        }
    };
    let would = if arguments.dry_run { "would start" } else { "starts" };
    writeln!(out, "kexec: {would} the loaded kernel {word}: {what}")?;
    out.flush()?;
    if !arguments.dry_run {
        start(how).map_err(Failure::Exec)?;
    }
    Ok(Done::Good)
}
