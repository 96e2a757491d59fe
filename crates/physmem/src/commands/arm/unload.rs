//! Runs `physmem kexec unload` and `physmem kdump unload`.

use std::io::Write;
use std::path::Path;

use act::kexec::{LoadRefusal, Records, Tried, unload};
use evidence::record::RecordedLoader;
use kexec::Purpose;

use super::carry_out::{is_loaded, live};
use super::order::word;
use crate::cli::UnloadArguments;
use crate::done::Done;
use crate::failure::Failure;

pub(crate) fn run(
    arguments: &UnloadArguments,
    purpose: Purpose,
    out: &mut impl Write,
) -> Result<Done, Failure> {
    let machine = live()?;
    let word = word(purpose);
    let was_loaded = is_loaded(&machine, purpose);
    if was_loaded == Some(false) {
        if !arguments.dry_run
            && let Ok(records) = Records::lock(Path::new("/"))
        {
            // Nor is a load to be made again that was killed, or that failed.
            records.forget(purpose)?;
        }
        writeln!(out, "{word}: nothing is loaded")?;
        return Ok(Done::Good);
    }
    if arguments.dry_run {
        writeln!(out, "{word}: would forget what is loaded")?;
        return Ok(Done::Good);
    }
    // One that cannot be written to has no record to remove either; what is loaded can be forgotten all the same.
    let records = Records::lock(Path::new("/")).ok();
    unload(purpose).map_err(|errno| {
        let loader = RecordedLoader::KexecFileLoad;
        let may_boot = act::kexec::may_boot();
        let settings = &machine.evidence.kexec;
        let tried = Tried { loader, purpose, settings, handover: false, size: 0, may_boot };
        Failure::Unload { refusal: LoadRefusal::of(errno, &tried) }
    })?;
    if let Some(records) = records {
        records.forget(purpose)?;
    }
    match (purpose, was_loaded) {
        (Purpose::Reboot, _) => writeln!(out, "{word}: nothing is loaded now")?,
        (Purpose::Crash, _) => writeln!(out, "{word}: nothing is loaded now: a crash leaves no dump")?,
    }
    Ok(Done::Good)
}
