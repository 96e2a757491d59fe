//! One load on one machine: the port that does it, and what that has to work with.

use machine::{Kho, Machine};
use memblock::ranges;
use rules::{Loader, Rules};

use crate::context::{CrashLoad, LoadContext, SearchSpace};
use crate::dump::header::CrashKernel;
use crate::error::PlanError;
use crate::place::limits::Limits;
use crate::place::removable::removable;
use crate::port::registry;
use crate::port::steps::{Begun, Layout, Port};
use crate::request::Request;
use evidence::Purpose;

/// One load.
pub(crate) struct Load<'a> {
    pub(crate) context: LoadContext<'a>,
    port: &'static dyn Port,
    limits: Limits,
}

impl<'a> Load<'a> {
    /// A load as it is asked for; for crashes, into the memory that is reserved for a crash kernel.
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

    /// A load for crashes into this reservation, whatever is reserved: nothing else is searched.
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
        let space = SearchSpace::new(vec![kernel.area], machine.kernel.page_size);
        let crash = Some(CrashLoad { kernel, vmcore, header });
        Ok(Self::new(LoadContext { machine, request, rules, space, crash }, port))
    }

    fn new(context: LoadContext<'a>, port: &'static dyn Port) -> Self {
        let limits = Limits::of(context.machine);
        Self { context, port, limits }
    }

    /// All that the loader does before the size of the initial ramdisk counts.
    pub(crate) fn begin(&self) -> Result<Begun<'_>, PlanError> {
        self.port.begin(&self.context)
    }

    /// Finds places for all segments with an initial ramdisk of this many bytes, and checks what the kernel asks of
    /// all of them together.
    pub(crate) fn layout(&self, begun: &Begun<'_>, initrd: Option<u64>) -> Result<Layout, PlanError> {
        let layout = self.port.complete(&self.context, begun, initrd.filter(|&size| size > 0))?;
        self.limits.check(&layout.segments)?;
        Ok(layout)
    }
}

/// Where a load for a reboot searches.
fn space_of_reboot(
    machine: &Machine,
    request: &Request<'_>,
    rules: &Rules,
    port: &dyn Port,
) -> Result<SearchSpace, PlanError> {
    let page = machine.kernel.page_size;
    // Only the kernel's own search is bound to scratch areas; without knowing whether there are any, nothing is planned.
    match &machine.state.kho {
        Kho::Unknown => return Err(PlanError::NoScratch),
        Kho::On(areas) if request.loader == Loader::KexecFileLoad => {
            return Ok(SearchSpace { in_order: true, ..SearchSpace::new(areas.clone(), page) });
        }
        Kho::On(_) | Kho::Off => {}
    }
    let mut found = port.search_ranges(machine, rules)?;
    if request.avoid_removable {
        let avoided = removable(machine, rules)?;
        found = ranges::difference(found.into_iter(), avoided.into_iter()).collect();
    }
    Ok(SearchSpace::new(found, page))
}
