//! A plan: what a load does, segment by segment, and why.

use std::fmt;

use firmware::e820::Entry;
use machine::Machine;
use memblock::PhysRange;
use memblock::rules::{HandOver, Loader, Rules};

use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::margins::Margins;
use crate::next_chosen::NextChosen;
use crate::request::{KernelImage, Request};
use crate::{arm64_plan, x86_file, x86_load};

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
    /// The device tree of the next kernel.
    DeviceTree,
    /// Where purgatory saves the first 640 KiB for the dump (kexec_load on x86).
    Backup,
    /// The list of kexec handover's scratch areas.
    Handover,
    /// setup_data: what EFI is to know, entries of the map behind the 128th, or a seed for random numbers (kexec_load
    /// on x86, one segment for each).
    SetupData,
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
            Self::DeviceTree => "dtb",
            Self::Backup => "backup",
            Self::Handover => "kho-scratch",
            Self::SetupData => "setup-data",
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
    /// The system call that loads.
    pub loader: Loader,
    /// The segments, in the order in which they are placed.
    pub segments: Vec<Segment>,
    /// The command line that the kernel is given.
    pub command_line: String,
    /// The map it is given: on x86 the e820 map, in the loader's order, of which a kernel joins entries of one type that
    /// touch; on arm64 the memory it is told of, see [`NextChosen::memory`].
    pub next_kernel: Vec<Entry>,
    /// What belongs to that map, and finds no room in it.
    pub next_kernel_lacks: Vec<Entry>,
    /// What its device tree says, on arm64.
    pub chosen: Option<NextChosen>,
    /// What the dump of a crash holds, one range for each PT_LOAD but the kernel's text; empty for a load that is
    /// not for crashes.
    pub vmcore: Vec<PhysRange>,
    /// How much more would fit.
    pub margins: Margins,
}

impl Plan {
    /// The segment that holds this, if there is one.
    pub fn segment(&self, kind: SegmentKind) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }
}

/// Plans a load.
///
/// # Errors
///
/// [`PlanError`] when the load would fail, or when it depends on what is not known.
pub fn plan(
    machine: &Machine,
    facts: &Facts,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Plan, PlanError> {
    let has_e820 = machine.kernel.for_rules.hand_over == HandOver::E820;
    if has_e820 != matches!(request.kernel, KernelImage::BzImage(_)) {
        return Err(PlanError::OtherArchitecture { kernel: request.kernel.architecture() });
    }
    if request.avoid_removable && request.loader == Loader::KexecFileLoad {
        return Err(PlanError::KernelPlaces);
    }
    let ground = Ground::of(machine, facts, request, rules)?;
    let layout = lay(machine, facts, &ground, request, rules)?;
    let margins = Margins::of(ground.page, |initrd| {
        place(machine, facts, &ground, &Request { initrd: Some(initrd), ..*request }, rules)
    });
    let map = ground.map.into_inner().unwrap_or_default();
    Ok(Plan {
        purpose: request.purpose,
        loader: request.loader,
        margins,
        segments: layout.segments,
        command_line: layout.command_line,
        next_kernel: map.entries,
        next_kernel_lacks: map.dropped,
        chosen: layout.chosen,
        vmcore: ground.crash.map(|crash| crash.vmcore).unwrap_or_default(),
    })
}

/// What a loader lays down.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// In the order in which they are placed.
    pub(crate) segments: Vec<Segment>,
    /// With all that the loader added.
    pub(crate) command_line: String,
    /// What the device tree of the next kernel says, where it gets one.
    pub(crate) chosen: Option<NextChosen>,
}

/// Finds places for all segments, and what the next kernel is told; checks what the kernel checks of all segments
/// together.
fn lay(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Layout, PlanError> {
    let layout = match (request.loader, &request.kernel) {
        (Loader::KexecFileLoad, KernelImage::BzImage(header)) => {
            x86_file::lay(machine, facts, ground, header, request)?
        }
        (Loader::KexecLoad, KernelImage::BzImage(header)) => {
            x86_load::lay(machine, facts, ground, header, request)?
        }
        (_, KernelImage::Arm64(header)) => arm64_plan::lay(machine, facts, ground, header, request, rules)?,
    };
    ground.limits.check(&layout.segments)?;
    Ok(layout)
}

/// The same, for those who ask for the places alone.
pub(crate) fn place(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Vec<Segment>, PlanError> {
    lay(machine, facts, ground, request, rules).map(|layout| layout.segments)
}
