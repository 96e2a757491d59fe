//! The JSON of a refused plan. `schema/refusal.schema.json` describes it; a change that could break a reader raises
//! [`SCHEMA`].

use std::io::Write;

use kexec::Purpose;
use serde::Serialize;

use super::records::placed_by;
use crate::failure::Failure;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `kexec plan -J` and `kdump plan -J` print when there is no plan.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    origin: &'a str,
    purpose: &'static str,
    loader: &'static str,
    by: &'static str,
    refused: Refused,
}

#[derive(Debug, Serialize)]
struct Refused {
    rule: &'static str,
    what: String,
    /// The error's name and number; `None` where the load is not refused, but too little is known to plan it.
    errno: Option<&'static str>,
    number: Option<i32>,
    remedies: Vec<String>,
}

/// Prints why there is no plan; nothing for any other failure.
pub(super) fn print(failure: &Failure, purpose: Purpose, out: &mut impl Write) -> Result<(), Failure> {
    let Failure::Plan { origin, loader, by, source, .. } = failure else { return Ok(()) };
    let document = Document {
        schema: SCHEMA,
        origin,
        purpose: match purpose {
            Purpose::Reboot => "reboot",
            Purpose::Crash => "crash",
        },
        loader: loader.as_str(),
        by: placed_by(*loader, *by),
        refused: Refused {
            rule: source.rule(),
            what: source.to_string(),
            errno: source.errno(),
            number: source.errno().and_then(number),
            remedies: failure.remedies(),
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(())
}

/// The number of an error (include/uapi/asm-generic/errno-base.h and errno.h).
fn number(errno: &str) -> Option<i32> {
    let known = [("EPERM", 1), ("ENOEXEC", 8), ("EINVAL", 22), ("ENOSYS", 38), ("EADDRNOTAVAIL", 99)];
    known.into_iter().find(|(name, _)| *name == errno).map(|(_, number)| number)
}
