//! How a different command line, release or rule set changes a boot, and why.

mod reasons;
mod regions;
mod uses;

use memblock::PhysRange;
use rules::Rules;

use crate::boot::input::BootInput;
use crate::boot::prediction::Prediction;
use crate::boot::verify::entries::{self, Entries, Unlike};
use crate::command_line::BootParameters;
use crate::machine::Machine;
use crate::what_if::reasons::Reasons;

/// One of the two boots being compared.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its input.
    pub input: &'a BootInput,
    /// Who may use which memory.
    pub rules: &'a Rules,
    /// The result.
    pub prediction: &'a Prediction,
}

/// The subject of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The input of the boot: command line, release, rules.
    Given,
    /// Whether the boot ends in a panic.
    Panic,
    /// Where a node's movable memory starts.
    MovableStart,
    /// Which part of a node lies in which zone.
    Zones,
    /// Whether the rules allow early allocations there.
    EarlyAllocation,
    /// Whether the rules make this class of memory movable in itself.
    ZoneMovable,
    /// The crash kernel reservation.
    Crashkernel,
    /// Whether the rules allow a kexec image there.
    KexecImage,
    /// Whether the rules tell the next kernel about it.
    NextKernel,
    /// Whether the rules include it in a crash dump.
    Vmcore,
    /// Memory regions: their addresses, nodes and flags.
    Memory,
    /// Reserved regions: early allocations and their addresses.
    Reserved,
    /// The zone limits.
    ZoneLimits,
    /// The nodes each node falls back to.
    FallbackOrder,
}

impl Subject {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Panic => "panic",
            Self::MovableStart => "movable_start",
            Self::Zones => "zones",
            Self::EarlyAllocation => "early_allocation",
            Self::ZoneMovable => "zone_movable",
            Self::Crashkernel => "crashkernel",
            Self::KexecImage => "kexec_image",
            Self::NextKernel => "next_kernel",
            Self::Vmcore => "vmcore",
            Self::Memory => "memory",
            Self::Reserved => "reserved",
            Self::ZoneLimits => "zone_limits",
            Self::FallbackOrder => "fallback_order",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its subject.
    pub subject: Subject,
    /// Which one: a node, a zone, a loader; the subject's own word if there is only one.
    pub what: String,
    /// Its addresses, if any.
    pub range: Option<PhysRange>,
    /// The old value; `None` if it was absent.
    pub before: Option<String>,
    /// The new value; `None` if it is gone.
    pub after: Option<String>,
    /// The reason.
    pub why: String,
}

impl Side<'_> {
    pub(crate) fn parameters(&self) -> BootParameters {
        BootParameters::parse(
            &self.input.command_line,
            self.input.platform.architecture(),
            &self.input.release,
        )
    }
}

/// Everything that changes from one boot to another, ordered by subject and address.
///
/// The rules decide what memory may be used for: on the machine's ranges if its /proc/iomem is known, otherwise on the
/// predicted memory. O(n m) in the regions that change and the lines of the traces.
pub fn changes(before: Side<'_>, after: Side<'_>, machine: Option<&Machine>) -> Vec<Change> {
    let reasons = Reasons::new(before, after);
    let mut all = given(before, after);
    let (old, new) = (before.prediction, after.prediction);
    let panics = [old, new].map(|side| entries::panic(side.panic.as_deref()));
    let is_whole = panics.iter().all(Entries::is_empty);
    let [old_panic, new_panic] = panics;
    let mut unlike = vec![(Subject::Panic, entries::differences(&old_panic, &new_panic))];
    // A boot that ends early has no zones to compare, and its reservations are incomplete.
    if is_whole {
        unlike.extend(facts(old, new));
        all.extend(uses::changes(before, after, machine));
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

/// The differences between two boots' results. Each node's whole pages follow from the regions, and are not listed
/// twice.
fn facts(old: &Prediction, new: &Prediction) -> [(Subject, Vec<Unlike>); 7] {
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

/// The requested changes.
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
