//! The interface of a port.

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::dump::header::{CrashKernel, HeaderSize};
use crate::dump::ranges::dumped;
use crate::error::PlanError;
use crate::place::segments::SegmentPlacer;
use crate::request::Purgatory;
use crate::segment::Segment;
use crate::tell::chosen::NextChosen;
use crate::tell::e820::NextMap;

/// One loader on one architecture: the kernel (kexec_file_load), or kexec-tools (kexec_load).
///
/// A plan calls these in order: where to search, or for crashes what the dump contains and how large its
/// header is; then [`begin`](Self::begin) once, and [`complete`](Self::complete) for each size of initial
/// ramdisk that is tried.
pub(crate) trait Port: Sync {
    /// The ranges searched in a load for a reboot, ascending; ranges that touch are not joined.
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError>;

    /// What a crash dump contains, ascending: one range for each PT_LOAD except the kernel's text. What kexec_file_load
    /// dumps by the rules, unless the port says otherwise.
    fn dumped(
        &self,
        machine: &Machine,
        crash_kernel: &CrashKernel,
        rules: &Rules,
    ) -> Result<Vec<PhysRange>, PlanError> {
        dumped(machine, crash_kernel, Loader::KexecFileLoad, rules)
    }

    /// The size of the header for a dump of this many ranges; the kernel's, unless the port says otherwise.
    fn header_size(&self, machine: &Machine, ranges: u64) -> Result<HeaderSize, PlanError> {
        HeaderSize::of(&machine.state, ranges)
    }

    /// The usual size of purgatory, if it loads one.
    fn purgatory(&self) -> Option<Purgatory>;

    /// What the loader does before the size of the initial ramdisk matters: segments placed so far, the map
    /// handed over, the command line.
    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError>;

    /// The rest, with an initial ramdisk of this many bytes, not 0.
    fn complete(
        &self,
        context: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError>;
}

/// What does not depend on the initial ramdisk.
#[derive(Clone, Debug)]
pub(crate) struct Begun<'c> {
    /// The segments placed so far.
    pub(crate) placer: SegmentPlacer<'c>,
    /// The map of the next kernel.
    pub(crate) map: NextMap,
    /// Its command line, with all that the loader adds.
    pub(crate) command_line: String,
}

/// What depends on the initial ramdisk.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// In the order in which they are placed.
    pub(crate) segments: Vec<Segment>,
    /// What the device tree of the next kernel says, where it gets one.
    pub(crate) chosen: Option<NextChosen>,
}
