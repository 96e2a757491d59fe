//! A plan: what a load does, segment by segment, and why.

use std::fmt;

use firmware::e820::Entry;
use memblock::PhysRange;

use crate::error::PlanError;
use crate::placement::{Direction, Search};

/// When the loaded kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// By `kexec -e` or a reboot.
    Reboot,
    /// When the running kernel crashes.
    Crash,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// The header of the dump.
    ElfCoreHeader,
    /// The code between the two kernels.
    Purgatory,
    /// The zero page, the command line, EFI's memory map and setup_data.
    BootParameters,
    /// The kernel.
    Kernel,
    /// Its initial ramdisk.
    Initrd,
}

impl SegmentKind {
    /// The word for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ElfCoreHeader => "elfcorehdr",
            Self::Purgatory => "purgatory",
            Self::BootParameters => "boot-params",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
        }
    }
}

impl fmt::Display for SegmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it holds.
    pub kind: SegmentKind,
    /// Where it lies when the kernel is started: whole pages.
    pub range: PhysRange,
    /// Bytes that are loaded (`bufsz`); the rest of the range is zeroed.
    pub loaded: u64,
    /// Its start is a multiple of this.
    pub alignment: u64,
    /// Why there.
    pub reason: String,
}

/// What a load does.
///
/// # Invariants
///
/// No two segments overlap, and each lies inside one range that the rules allow for it: System RAM that is not
/// driver-managed, or the crash kernel's area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When the kernel is started.
    pub purpose: Purpose,
    /// The segments, in the order in which they are placed.
    pub segments: Vec<Segment>,
    /// The command line that the kernel is given.
    pub command_line: String,
    /// The e820 map it is given, in the kernel's order.
    pub next_kernel: Vec<Entry>,
    /// What belongs to that map, and finds no room in it.
    pub next_kernel_lacks: Vec<Entry>,
    /// What the dump of a crash holds, one range for each PT_LOAD but the kernel's text; empty for a load that is
    /// not for crashes.
    pub vmcore: Vec<PhysRange>,
}

impl Plan {
    /// The segment that holds this, if there is one.
    pub fn segment(&self, kind: SegmentKind) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }
}

/// Places segments one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Placing<'a> {
    candidates: &'a [PhysRange],
    page: u64,
    segments: Vec<Segment>,
}

/// What a segment needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: SegmentKind,
    pub(crate) loaded: u64,
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    pub(crate) min: u64,
    pub(crate) direction: Direction,
}

impl<'a> Placing<'a> {
    pub(crate) const fn new(candidates: &'a [PhysRange], page: u64) -> Self {
        Self { candidates, page, segments: Vec::new() }
    }

    /// Finds the next segment's place.
    pub(crate) fn place(&mut self, wanted: Wanted) -> Result<PhysRange, PlanError> {
        let Wanted { kind, loaded, size, alignment, min, direction } = wanted;
        let search = Search::new(size, alignment, self.page, direction)
            .map_err(|source| PlanError::Segment { kind, source })?
            .at_or_above(min);
        if loaded > search.size() {
            return Err(PlanError::TooSmall { kind, loaded, size: search.size() });
        }
        let taken: Vec<PhysRange> = self.segments.iter().map(|segment| segment.range).collect();
        let (range, candidate) = search.find(self.candidates, &taken).ok_or_else(|| PlanError::NoHole {
            kind,
            size: search.size(),
            alignment: search.alignment(),
            min,
            largest: self.candidates.iter().map(|range| range.size()).max().unwrap_or(0),
        })?;
        let outermost = match direction {
            Direction::TopDown => "highest",
            Direction::BottomUp => "lowest",
        };
        let above = if min == 0 { String::new() } else { format!(", at or above {min:#x}") };
        let beside = if taken.is_empty() { "" } else { " beside the segments before" };
        let reason = format!(
            "the {outermost} multiple of {:#x} that fits into {candidate}{above}{beside}",
            search.alignment()
        );
        self.segments.push(Segment { kind, range, loaded, alignment: search.alignment(), reason });
        Ok(range)
    }

    pub(crate) fn segments(self) -> Vec<Segment> {
        self.segments
    }
}
