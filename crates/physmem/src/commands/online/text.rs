//! What was done, in words.

use std::collections::BTreeMap;
use std::io::{self, Write};

use act::{Need, Why, names};

use super::{End, Worked};
use crate::failure::Failure;
use crate::output::{lines, size};

/// Prints what was done and what kexec and kdump need.
pub(super) fn print(worked: &Worked<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let (state, word) = (worked.change.state(), worked.change.word());
    if worked.is_dry {
        for row in worked.rows.iter().filter(|row| matches!(row.end, End::Planned)) {
            writeln!(out, "echo {word} > {}", worked.blocks.state_path(row.before.number))?;
        }
    }
    let mut some = |label: String, wanted: fn(&End) -> bool| -> Result<(), Failure> {
        let numbers = worked.numbers(wanted);
        if numbers.is_empty() {
            return Ok(());
        }
        let bytes =
            u64::try_from(numbers.len()).unwrap_or(u64::MAX).saturating_mul(worked.blocks.block_size());
        let (count, size) = (numbers.len(), size::human(bytes));
        let blocks = if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") };
        lines::wrapped(out, "", "  ", &format!("{label}: {blocks}, {size}: {}", names(numbers)))
    };
    some(format!("would be {state}"), |end| matches!(end, End::Planned))?;
    some(state.to_owned(), |end| matches!(end, End::Changed))?;
    some(format!("already {state}"), |end| matches!(end, End::Already))?;
    // One that is online in another zone than asked is not `not online`.
    let refused = if worked.is_dry { "would fail" } else { "failed" };
    some(refused.to_owned(), |end| matches!(end, End::Refused(_)))?;
    some("not begun".to_owned(), |end| matches!(end, End::NotBegun))?;
    if worked.rows.iter().all(|row| matches!(row.end, End::Refused(_) | End::NotBegun)) {
        return Ok(());
    }
    let was_lost = |before, after| before == Some(true) && after == Some(false);
    need(
        out,
        "kexec",
        worked.after.kexec_need(worked.change),
        was_lost(worked.before.kexec, worked.after.kexec),
    )?;
    need(
        out,
        "kdump",
        worked.after.kdump_need(worked.change),
        was_lost(worked.before.kdump, worked.after.kdump),
    )
}

fn need(out: &mut impl Write, what: &str, need: Need, was_lost: bool) -> Result<(), Failure> {
    lines::wrapped(out, &format!("{what}: "), "  ", need.now)?;
    if was_lost {
        lines::wrapped(
            out,
            "  ",
            "  ",
            "one was loaded before: something unloaded it meanwhile, perhaps to load it again",
        )?;
    }
    if let Some(then) = need.after_removal {
        lines::wrapped(out, "  after removal: ", "    ", then)?;
    }
    Ok(())
}

/// Prints to standard error why blocks are not as they were asked to be, those with the same reason together.
pub(super) fn failures(worked: &Worked<'_>) -> Result<(), Failure> {
    let mut reasons: BTreeMap<(&str, &str, &str), Vec<u64>> = BTreeMap::new();
    for row in &worked.rows {
        if let End::Refused(refusal) = &row.end {
            // Reasons may name the block.
            let reason = (
                refusal.errno.as_deref().unwrap_or_default(),
                refusal.reason.as_str(),
                refusal.remedy.as_str(),
            );
            reasons.entry(reason).or_default().push(row.before.number);
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    for (_, numbers) in &mut reasons {
        numbers.sort_unstable();
    }
    reasons.sort_by(|(_, one), (_, other)| one.cmp(other));
    let mut err = io::stderr().lock();
    for ((errno, reason, remedy), numbers) in reasons {
        let errno = if errno.is_empty() { String::new() } else { format!("{errno}: ") };
        let text = format!("{}: {errno}{reason}", names(numbers));
        writeln!(err, "physmem: {}", lines::printable(&text))?;
        lines::wrapped(&mut err, "  help: ", "    ", remedy)?;
    }
    if let Some(why) = worked.stopped {
        let done = worked.numbers(|end| matches!(end, End::Changed));
        let left = worked.numbers(|end| matches!(end, End::NotBegun));
        let or_none = |numbers: Vec<u64>| if numbers.is_empty() { "none".to_owned() } else { names(numbers) };
        let state = worked.change.state();
        writeln!(
            err,
            "physmem: stopped {}: {state}: {}; not begun: {}",
            word(why),
            or_none(done),
            or_none(left)
        )?;
    }
    Ok(())
}

fn word(why: Why) -> String {
    match why {
        Why::Timeout => "because --timeout is over".to_owned(),
        Why::Signal(signal) => format!("by {signal}"),
        Why::Asked => "as asked".to_owned(),
    }
}
