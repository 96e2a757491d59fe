//! What is compared, and one thing that changes.

use memblock::PhysRange;
use rules::Rules;

use crate::boot::input::BootInput;
use crate::boot::prediction::Prediction;
use crate::command_line::BootParameters;

/// One of the two boots that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What it is given.
    pub input: &'a BootInput,
    /// Who may use which memory.
    pub rules: &'a Rules,
    /// What comes of it.
    pub prediction: &'a Prediction,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// What the boot is given: command line, release, rules.
    Given,
    /// Whether it ends in a panic.
    Panic,
    /// Where a node's movable memory begins.
    MovableStart,
    /// What of a node lies in which zone.
    Zones,
    /// Whether early allocations may lie there, by the rules.
    EarlyAllocation,
    /// Whether the class of memory alone makes it movable, by the rules.
    ZoneMovable,
    /// The crash kernel's reservation.
    Crashkernel,
    /// The scratch areas of kexec handover.
    Scratch,
    /// Whether a kexec image may lie there, by the rules.
    KexecImage,
    /// Whether the next kernel is told of it, by the rules.
    NextKernel,
    /// Whether a crash dump contains it, by the rules.
    Vmcore,
    /// Memory regions: their addresses, nodes and flags.
    Memory,
    /// Reserved regions: what was allocated early, and where.
    Reserved,
    /// The limits of the zones.
    ZoneLimits,
    /// The nodes that each node asks for pages.
    FallbackOrder,
    /// What happens to memory that is added while the machine runs.
    AddedLater,
}

impl Subject {
    /// The word in the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Panic => "panic",
            Self::MovableStart => "movable_start",
            Self::Zones => "zones",
            Self::EarlyAllocation => "early_allocation",
            Self::ZoneMovable => "zone_movable",
            Self::Crashkernel => "crashkernel",
            Self::Scratch => "kho_scratch",
            Self::KexecImage => "kexec_image",
            Self::NextKernel => "next_kernel",
            Self::Vmcore => "vmcore",
            Self::Memory => "memory",
            Self::Reserved => "reserved",
            Self::ZoneLimits => "zone_limits",
            Self::FallbackOrder => "fallback_order",
            Self::AddedLater => "added_later",
        }
    }
}

/// One thing that is not as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// Which of them: a node, a zone, a loader; the subject's own word where there is only one.
    pub what: String,
    /// Its addresses, where it has any.
    pub range: Option<PhysRange>,
    /// What it was; `None` where it was not there.
    pub before: Option<String>,
    /// What it is; `None` where it is not there any more.
    pub after: Option<String>,
    /// Why.
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
