//! Where a load may put its segments: what is the same for all of them, however large the initial ramdisk is.

use machine::Machine;
use memblock::PhysRange;
use memblock::rules::Rules;

use crate::candidates::{candidates, dumped};
use crate::crash::{CrashKernel, HeaderSize};
use crate::error::PlanError;
use crate::facts::Facts;
use crate::limits::Limits;
use crate::plan::Purpose;
use crate::request::Request;

/// Where a load may put its segments, and what it must keep to.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The ranges that are searched, ascending.
    pub(crate) candidates: Vec<PhysRange>,
    /// Bytes of a page.
    pub(crate) page: u64,
    /// What the kernel asks of all segments together.
    pub(crate) limits: Limits,
    /// Bytes of EFI's runtime map that are handed on.
    pub(crate) efi_map: u64,
    /// Whether the kernel hands on measurements.
    pub(crate) hands_on_measurements: bool,
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
        let page = machine.kernel.page_size;
        let (candidates, crash) = match request.purpose {
            Purpose::Reboot => (candidates(machine, facts, request.loader, rules)?, None),
            Purpose::Crash => {
                let kernel = CrashKernel::of(machine)?;
                let vmcore = dumped(machine, &kernel, request.loader, rules)?;
                let header = HeaderSize::of(facts, u64::try_from(vmcore.len()).unwrap_or(u64::MAX))?;
                // The reservation is what a crash kernel is loaded into, and nothing else; RAM is not searched.
                (vec![kernel.area], Some(CrashGround { kernel, vmcore, header }))
            }
        };
        Ok(Self {
            candidates,
            page,
            limits: Limits::of(machine),
            efi_map: facts.efi_map.unwrap_or(0),
            hands_on_measurements: facts.hands_on_measurements.unwrap_or(false),
            crash,
        })
    }
}
