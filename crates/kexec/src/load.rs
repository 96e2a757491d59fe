//! One load on one machine: its port, and what the port works with.

use evidence::Purpose;
use machine::releases::{SEARCHES_FROM_THE_TOP, SEARCHES_THE_LAST_PAGE, SEGMENTS_IN_CMA};
use machine::{Kho, Machine};
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules, Walk};

use crate::context::{Contiguous, CrashLoad, LoadContext, SearchSpace};
use crate::dump::header::CrashKernel;
use crate::error::PlanError;
use crate::place::limits::Limits;
use crate::place::removable::removable;
use crate::port::registry;
use crate::port::steps::{Begun, Layout, Port};
use crate::release;
use crate::request::Request;

/// One load.
pub(crate) struct Load<'a> {
    pub(crate) context: LoadContext<'a>,
    port: &'static dyn Port,
    limits: Limits,
}

impl<'a> Load<'a> {
    /// A load as requested; a crash load goes into the memory reserved for a crash kernel.
    pub(crate) fn of(
        machine: &'a Machine,
        request: &'a Request<'a>,
        rules: &'a Rules,
    ) -> Result<Self, PlanError> {
        let port = registry::find(machine, request)?;
        if request.avoid_removable && request.loader == Loader::KexecFileLoad {
            return Err(PlanError::KernelPlaces);
        }
        if request.purpose == Purpose::Crash {
            return Self::in_crash_kernel(machine, request, rules, CrashKernel::of(machine)?);
        }
        let space = space_of_reboot(machine, request, rules, port)?;
        Ok(Self::new(LoadContext { machine, request, rules, space, crash: None }, port))
    }

    /// A crash load into this reservation, which need not be the real one; nothing else is searched.
    pub(crate) fn in_crash_kernel(
        machine: &'a Machine,
        request: &'a Request<'a>,
        rules: &'a Rules,
        kernel: CrashKernel,
    ) -> Result<Self, PlanError> {
        let port = registry::find(machine, request)?;
        let vmcore = port.dumped(machine, &kernel, rules)?;
        let ranges = u64::try_from(vmcore.len()).unwrap_or(u64::MAX);
        let header = port.header_size(machine, ranges)?;
        let space = SearchSpace {
            skips_last_page: skips_last_page(machine, request),
            ..SearchSpace::new(vec![kernel.area], machine.kernel.page_size)
        };
        let crash = Some(CrashLoad { kernel, vmcore, header });
        Ok(Self::new(LoadContext { machine, request, rules, space, crash }, port))
    }

    fn new(context: LoadContext<'a>, port: &'static dyn Port) -> Self {
        let limits = Limits::of(context.machine);
        Self { context, port, limits }
    }

    /// Everything that the loader does before the size of the initial ramdisk matters.
    pub(crate) fn begin(&self) -> Result<Begun<'_>, PlanError> {
        self.port.begin(&self.context)
    }

    /// Finds places for all segments, with an initial ramdisk of this many bytes, and checks the kernel's
    /// limits on all of them together.
    pub(crate) fn layout(&self, begun: &Begun<'_>, initrd: Option<u64>) -> Result<Layout, PlanError> {
        let layout = self.port.complete(&self.context, begun, initrd.filter(|&size| size > 0))?;
        self.limits.check(&layout.segments)?;
        Ok(layout)
    }
}

/// The ranges that a load for a reboot searches.
fn space_of_reboot(
    machine: &Machine,
    request: &Request<'_>,
    rules: &Rules,
    port: &dyn Port,
) -> Result<SearchSpace, PlanError> {
    let page = machine.kernel.page_size;
    // Only the kernel's own search is limited to scratch areas. If it is unknown where they are, it has no plan.
    match &machine.state.kho {
        Kho::Unknown if request.loader == Loader::KexecFileLoad => return Err(PlanError::NoScratch),
        Kho::On(areas) if request.loader == Loader::KexecFileLoad => {
            let listed = u64::try_from(areas.len()).unwrap_or(u64::MAX);
            let scratch_list = Some(machine.state.handover_listed.unwrap_or(listed));
            return Ok(SearchSpace { in_order: true, scratch_list, ..SearchSpace::new(areas.clone(), page) });
        }
        Kho::On(_) | Kho::Unknown | Kho::Off => {}
    }
    let mut found = port.search_ranges(machine, rules)?;
    if request.avoid_removable {
        let avoided = removable(machine, rules)?;
        found = ranges::difference(found.into_iter(), avoided.into_iter()).collect();
    }
    let is_kernel = request.loader == Loader::KexecFileLoad;
    Ok(SearchSpace {
        // Where memblock is kept, it always was searched from the top.
        in_order: is_kernel
            && machine.kernel.facts.walk == Walk::Resources
            && release::does(machine, SEARCHES_FROM_THE_TOP) == Some(false),
        skips_last_page: skips_last_page(machine, request),
        contiguous: contiguous(machine, request),
        ..SearchSpace::new(found, page)
    })
}

/// Whether the loader's search from the top passes over a range's last page.
fn skips_last_page(machine: &Machine, request: &Request<'_>) -> bool {
    request.loader == Loader::KexecFileLoad && release::does(machine, SEARCHES_THE_LAST_PAGE) == Some(false)
}

/// The contiguous area that is tried first. What is allocated of it is taken to be its lowest pages: areas are
/// allocated from below, and boot allocates what stays.
fn contiguous(machine: &Machine, request: &Request<'_>) -> Option<Contiguous> {
    if request.loader == Loader::KexecLoad || request.without_cma {
        return None;
    }
    let area = machine.state.contiguous.filter(|_| release::does(machine, SEGMENTS_IN_CMA) == Some(true))?;
    let page = machine.kernel.page_size;
    let used = area.used.unwrap_or(0).checked_mul(page)?;
    let free = PhysRange::new(area.range.start().checked_add(used)?, area.range.end()).ok()?;
    let order = u32::try_from(area.alignment_order).ok()?;
    Some(Contiguous { free, alignment: page.checked_shl(order).filter(|&alignment| alignment >= page)? })
}
