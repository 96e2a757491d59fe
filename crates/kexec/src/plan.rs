//! A plan: what a load does, segment by segment, and why.

use evidence::Purpose;
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

/// What a load does.
///
/// # Invariants
///
/// - Segments are whole pages, at least as large as what is loaded into them, and do not overlap.
/// - Each lies inside one range that was searched: for a crash load
///   [`CrashKernel::area`](crate::CrashKernel::area); for a reboot one of
///   [`search_ranges`](crate::search_ranges), which the rules allow, with [`Caller::Physmem`](crate::Caller::Physmem)
///   System RAM that the rules allow and that `next_kernel` lists as RAM, or one of kexec handover's scratch
///   areas, or the default contiguous area ([`KernelState::contiguous`](machine::KernelState::contiguous)), which is
///   not searched by these rules. With [`avoid_removable`](Request::avoid_removable), it lies in none of
///   [`removable`](crate::removable()).
/// - [`next_kernel`](Self::next_kernel) lists driver-managed RAM only where the firmware's own map does.
/// - [`vmcore`](Self::vmcore) is ascending and does not touch the crash kernel's areas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether the kernel is started by a reboot or by a crash.
    pub purpose: Purpose,
    /// The system call that loads.
    pub loader: Loader,
    /// The segments, in the order in which they are placed.
    pub segments: Vec<Segment>,
    /// The command line of the next kernel.
    pub command_line: String,
    /// The map of the next kernel: on x86 the e820 map in the loader's order, of which a kernel joins
    /// adjacent entries of one type; on arm64 the memory it is told about, see [`NextChosen::memory`].
    pub next_kernel: Vec<Entry>,
    /// Entries of that map for which it has no room.
    pub next_kernel_lacks: Vec<Entry>,
    /// What the next kernel's device tree says, on arm64.
    pub chosen: Option<NextChosen>,
    /// What a crash dump contains, one range for each PT_LOAD except the kernel's text; empty if the load is
    /// not for crashes.
    pub vmcore: Vec<PhysRange>,
    /// How much more would fit.
    pub margins: Margins,
    /// What the evidence does not show, and what was assumed instead.
    pub assumed: Vec<Unknown>,
}

impl Plan {
    /// The first segment of this kind, if any.
    pub fn segment(&self, kind: SegmentKind) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// Whether the invariants hold that can be checked without the machine.
    fn is_consistent(&self, page: u64) -> bool {
        let whole =
            |range: PhysRange| range.start().is_multiple_of(page) && range.size().is_multiple_of(page);
        let is_disjoint = |index: usize, range: PhysRange| {
            self.segments.iter().skip(index.saturating_add(1)).all(|other| !other.range.overlaps(range))
        };
        let is_good = |(index, segment): (usize, &Segment)| {
            whole(segment.range)
                && segment.loaded <= segment.range.size()
                && is_disjoint(index, segment.range)
        };
        self.segments.iter().enumerate().all(is_good) && self.vmcore.is_sorted_by(|a, b| a.end() <= b.start())
    }
}

/// Plans a load.
///
/// One search for each segment, and about 60 more for [`Margins`]; each search is O(ranges).
///
/// # Errors
///
/// [`PlanError`] when the load would fail, or when it depends on something unknown.
pub fn plan(machine: &Machine, request: &Request<'_>, rules: &Rules) -> Result<Plan, PlanError> {
    if let Some(why) = machine.kernel.facts.why_no(request.loader) {
        return Err(PlanError::NoSystemCall { why });
    }
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
