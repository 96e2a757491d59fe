//! A plan: what a load does, segment by segment, and why.

use firmware::e820::Entry;
use machine::Machine;
use memblock::PhysRange;
use rules::{MapHandedOn, Loader, Rules};

use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::margins::Margins;
use crate::next_chosen::NextChosen;
use images::KernelImage;
use crate::request::Request;
use crate::segment::{Segment, SegmentKind};
use crate::{arm64_plan, x86_elf, x86_file, x86_load};

/// When the loaded kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// By `kexec -e` or a reboot.
    Reboot,
    /// When the running kernel crashes.
    Crash,
}

/// What a load does.
///
/// # Invariants
///
/// - Segments are whole pages, hold at least what is loaded of them, and no two overlap.
/// - Each lies inside one range that was searched: for crashes [`CrashKernel::area`](crate::CrashKernel::area); for a
///   reboot one of [`candidates`](crate::candidates::candidates), which are what the rules allow, or of kexec handover's
///   scratch areas; with [`avoid_removable`](Request::avoid_removable) in none of
///   [`removable`](crate::candidates::removable).
/// - [`next_kernel`](Self::next_kernel) has RAM that a driver manages only where the firmware's own map has it.
/// - [`vmcore`](Self::vmcore) ascends and touches none of the crash kernel's areas.
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
    /// The first segment that holds this, if there is one.
    pub fn segment(&self, kind: SegmentKind) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// What of the invariants a plan shows by itself.
    fn is_consistent(&self, page: u64) -> bool {
        let whole =
            |range: PhysRange| range.start().is_multiple_of(page) && range.size().is_multiple_of(page);
        let is_alone = |index: usize, range: PhysRange| {
            self.segments.iter().skip(index.saturating_add(1)).all(|other| !other.range.overlaps(range))
        };
        let is_good = |(index, segment): (usize, &Segment)| {
            whole(segment.range) && segment.loaded <= segment.range.size() && is_alone(index, segment.range)
        };
        self.segments.iter().enumerate().all(is_good) && self.vmcore.is_sorted_by(|a, b| a.end() <= b.start())
    }
}

/// Plans a load.
///
/// A search for each segment, and about 60 more layouts for [`Margins`]; each search is O(candidates). Nothing is
/// planned with what is not known, see [`Facts`].
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
    let has_e820 = machine.kernel.facts.map_handed_on == MapHandedOn::E820;
    if has_e820 != matches!(request.kernel, KernelImage::BzImage(_) | KernelImage::Elf(_)) {
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
    let (page, map) = (ground.page, ground.map.into_inner().unwrap_or_default());
    let plan = Plan {
        purpose: request.purpose,
        loader: request.loader,
        margins,
        segments: layout.segments,
        command_line: layout.command_line,
        next_kernel: map.entries,
        next_kernel_lacks: map.dropped,
        chosen: layout.chosen,
        vmcore: ground.crash.map(|crash| crash.vmcore).unwrap_or_default(),
    };
    debug_assert!(plan.is_consistent(page), "{plan:?}");
    Ok(plan)
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

/// Finds places for all segments, and what the next kernel is told; and holds the segments against what the kernel
/// asks of all of them together.
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
        (_, KernelImage::Elf(kernel)) => x86_elf::lay(machine, facts, ground, kernel, request)?,
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
