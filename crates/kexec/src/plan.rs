//! A plan: what a load does, segment by segment, and why.

use evidence::Unknown;
use firmware::e820::Entry;
use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::assumed;
use crate::error::PlanError;
use crate::load::Load;
use crate::margins::Margins;
use crate::request::Request;
use crate::segment::{Segment, SegmentKind};
use crate::tell::chosen::NextChosen;
use evidence::Purpose;

/// What a load does.
///
/// # Invariants
///
/// - Segments are whole pages, hold at least what is loaded of them, and no two overlap.
/// - Each lies inside one range that was searched: for crashes [`CrashKernel::area`](crate::CrashKernel::area); for a
///   reboot one of [`candidates`](crate::place::ranges::candidates), which are what the rules allow, or of kexec handover's
///   scratch areas; with [`avoid_removable`](Request::avoid_removable) in none of
///   [`removable`](crate::place::ranges::removable).
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
    /// What nothing shows, and what was assumed in its place.
    pub assumed: Vec<Unknown>,
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
/// A search for each segment, and about 60 more for [`Margins`]; each search is O(ranges).
///
/// # Errors
///
/// [`PlanError`] when the load would fail, or when it depends on what is not known.
pub fn plan(machine: &Machine, request: &Request<'_>, rules: &Rules) -> Result<Plan, PlanError> {
    let load = Load::of(machine, request, rules)?;
    let begun = load.begin()?;
    let layout = load.layout(&begun, request.initrd)?;
    let page = load.context.space.page;
    let margins = Margins::of(page, |initrd| load.layout(&begun, Some(initrd)).map(drop));
    let plan = Plan {
        purpose: request.purpose,
        loader: request.loader,
        margins,
        segments: layout.segments,
        command_line: begun.command_line,
        next_kernel: begun.map.entries,
        next_kernel_lacks: begun.map.dropped,
        chosen: layout.chosen,
        assumed: assumed::of(machine, request),
        vmcore: load.context.crash.map(|crash| crash.vmcore).unwrap_or_default(),
    };
    debug_assert!(plan.is_consistent(page), "{plan:?}");
    Ok(plan)
}
