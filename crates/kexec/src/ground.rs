//! Where a load may put its segments: what is the same for all of them, however large the initial ramdisk is.

use std::cell::OnceCell;

use machine::Machine;
use rules::{Loader, Rules};
use memblock::{PhysRange, ranges};

use crate::candidates::{candidates, dumped, dumped_of_memblock, removable};
use crate::crash::{CrashKernel, HeaderSize};
use crate::error::PlanError;
use crate::facts::Facts;
use crate::limits::Limits;
use crate::next_kernel::NextMap;
use crate::plan::Purpose;
use images::KernelImage;
use crate::request::Request;
use crate::x86_load;

/// Where a load may put its segments, and what it must keep to.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The ranges that are searched, ascending but for `in_order`.
    pub(crate) candidates: Vec<PhysRange>,
    /// Bytes of the largest of them: what is larger needs no search.
    pub(crate) largest: u64,
    /// Whether the order of the ranges is that of the search, whatever its direction: those of kexec handover.
    pub(crate) in_order: bool,
    /// Bytes of a page.
    pub(crate) page: u64,
    /// What the kernel asks of all segments together.
    pub(crate) limits: Limits,
    /// Bytes of EFI's runtime map that are handed on.
    pub(crate) efi_map: u64,
    /// The map of the next kernel, once it is made: it does not depend on the initial ramdisk.
    pub(crate) map: OnceCell<NextMap>,
    /// Bytes of setup_data that the kernel has more than every kernel, by its configuration.
    pub(crate) more_setup_data: u64,
    /// For a load for crashes.
    pub(crate) crash: Option<CrashGround>,
}

/// What a load for crashes goes by besides.
#[derive(Clone, Debug)]
pub(crate) struct CrashGround {
    pub(crate) kernel: CrashKernel,
    /// What the dump holds.
    pub(crate) vmcore: Vec<PhysRange>,
    /// What the header of the dump takes.
    pub(crate) header: HeaderSize,
}

impl Ground {
    pub(crate) fn of(
        machine: &Machine,
        facts: &Facts,
        request: &Request<'_>,
        rules: &Rules,
    ) -> Result<Self, PlanError> {
        if request.purpose == Purpose::Crash {
            return Self::in_crash_kernel(machine, facts, request, rules, CrashKernel::of(machine)?);
        }
        match facts.handover.areas()? {
            // The kernel's own search alone is bound to them.
            Some(areas) if request.loader == Loader::KexecFileLoad => {
                Ok(Self { in_order: true, ..Self::searching(areas.to_vec(), machine, facts, request) })
            }
            _ => {
                let mut found = candidates(machine, facts, request.loader, rules)?;
                if request.avoid_removable {
                    let kept_off = removable(machine, rules)?;
                    found = ranges::difference(found.into_iter(), kept_off.into_iter()).collect();
                }
                Ok(Self::searching(found, machine, facts, request))
            }
        }
    }

    /// The ground of a load for crashes into this reservation: nothing else is searched.
    pub(crate) fn in_crash_kernel(
        machine: &Machine,
        facts: &Facts,
        request: &Request<'_>,
        rules: &Rules,
        kernel: CrashKernel,
    ) -> Result<Self, PlanError> {
        let vmcore = match (request.loader, request.kernel) {
            (Loader::KexecFileLoad, KernelImage::Arm64(_)) => {
                dumped_of_memblock(machine, facts, &kernel, request.loader, rules)?
            }
            _ => dumped(machine, &kernel, request.loader, rules)?,
        };
        let ranges = u64::try_from(vmcore.len()).unwrap_or(u64::MAX);
        let header = match (request.loader, request.kernel) {
            (Loader::KexecFileLoad, _) => HeaderSize::of(facts, ranges)?,
            (Loader::KexecLoad, KernelImage::BzImage(_) | KernelImage::Elf(_)) => {
                x86_load::header_size(machine, facts, ranges)?
            }
            (Loader::KexecLoad, KernelImage::Arm64(_)) => HeaderSize::by_kexec_tools(facts, ranges)?,
        };
        let crash = Some(CrashGround { kernel, vmcore, header });
        Ok(Self { crash, ..Self::searching(vec![kernel.area], machine, facts, request) })
    }

    /// The map of the next kernel, made when it is first asked for.
    pub(crate) fn next_map(
        &self,
        make: impl FnOnce() -> Result<NextMap, PlanError>,
    ) -> Result<&NextMap, PlanError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map = make()?;
        Ok(self.map.get_or_init(|| map))
    }

    fn searching(
        candidates: Vec<PhysRange>,
        machine: &Machine,
        facts: &Facts,
        request: &Request<'_>,
    ) -> Self {
        Self {
            efi_map: facts.efi_runtime.map_or(0, |map| map.handed_on(request.loader)),
            more_setup_data: facts.configured.setup_data(),
            ..Self::bare(candidates, machine.kernel.page_size, Limits::of(machine))
        }
    }

    /// A search of these ranges, ascending, for a load with nothing special.
    pub(crate) fn bare(candidates: Vec<PhysRange>, page: u64, limits: Limits) -> Self {
        Self {
            largest: candidates.iter().map(|range| range.size()).max().unwrap_or(0),
            candidates,
            in_order: false,
            page,
            limits,
            efi_map: 0,
            map: OnceCell::new(),
            more_setup_data: 0,
            crash: None,
        }
    }
}
