//! What another command line, another release or other rules change about a boot, and why.

mod added_later;
mod change;
mod reasons;
mod regions;
mod uses;

use crate::boot::prediction::Prediction;

use crate::boot::verify::entries::{self, Entries, Unlike};
use crate::machine::Machine;
use crate::what_if::reasons::Reasons;

pub use added_later::next_dimm;
pub use change::{Change, Side, Subject};

/// Everything that changes from one boot to another, ordered by subject and address.
///
/// What memory may be used for is asked of the rules: on the ranges of the machine, where its /proc/iomem is
/// known, or else on the predicted memory. O(n m) in the regions that change and the lines of the traces.
pub fn changes(before: Side<'_>, after: Side<'_>, machine: Option<&Machine>) -> Vec<Change> {
    let reasons = Reasons::new(before, after);
    let mut all = given(before, after);
    let (old, new) = (before.prediction, after.prediction);
    let panics = [old, new].map(|side| entries::panic(side.panic.as_deref()));
    let is_whole = panics.iter().all(Entries::is_empty);
    let [old_panic, new_panic] = panics;
    let mut unlike = vec![(Subject::Panic, entries::differences(&old_panic, &new_panic))];
    // A boot that ends early has no zones to compare, and what it reserved is not all it would have.
    if is_whole {
        unlike.extend(facts(old, new));
        all.extend(uses::changes(before, after, machine));
        all.extend(added_later::changes(before, after));
    }
    for (subject, entries) in unlike {
        all.extend(entries.into_iter().map(|unlike| {
            let why = reasons.of(subject, &unlike);
            let Unlike { what, range, before, after } = unlike;
            Change { subject, what, range, before, after, why }
        }));
    }
    all.sort_by_key(|change| change.subject);
    all
}

/// What is not alike of what two boots come to. Each node's whole pages follow from the regions, and are not
/// told twice.
fn facts(old: &Prediction, new: &Prediction) -> [(Subject, Vec<Unlike>); 8] {
    let unlike = |old: Entries, new: Entries| entries::differences(&old, &new);
    [
        (
            Subject::MovableStart,
            unlike(entries::movable_start(&old.movable_start), entries::movable_start(&new.movable_start)),
        ),
        (Subject::Zones, unlike(entries::zones(&old.zones), entries::zones(&new.zones))),
        (
            Subject::Crashkernel,
            unlike(entries::crashkernel(&old.crashkernel), entries::crashkernel(&new.crashkernel)),
        ),
        (
            Subject::Scratch,
            unlike(entries::scratch_of(old.scratch.as_ref()), entries::scratch_of(new.scratch.as_ref())),
        ),
        (Subject::Memory, regions::differences(&old.memory, &new.memory)),
        (Subject::Reserved, regions::differences(&old.reserved, &new.reserved)),
        (
            Subject::ZoneLimits,
            unlike(entries::zone_limits(&old.zone_limits), entries::zone_limits(&new.zone_limits)),
        ),
        (
            Subject::FallbackOrder,
            unlike(
                entries::fallback_order(&old.fallback_order),
                entries::fallback_order(&new.fallback_order),
            ),
        ),
    ]
}

/// What was asked to be different.
fn given(before: Side<'_>, after: Side<'_>) -> Vec<Change> {
    let pairs = [
        ("command line", before.input.command_line.clone(), after.input.command_line.clone()),
        ("release", before.input.release.to_string(), after.input.release.to_string()),
        ("rules", before.rules.name.to_owned(), after.rules.name.to_owned()),
    ];
    let changed = pairs.into_iter().filter(|(_, old, new)| old != new);
    changed
        .map(|(what, old, new)| Change {
            subject: Subject::Given,
            what: what.to_owned(),
            range: None,
            before: Some(old),
            after: Some(new),
            why: "it was asked for".to_owned(),
        })
        .collect()
}
