//! Which port serves a load.

use images::KernelImage;
use machine::{Architecture, Machine};
use memblock::PhysRange;
use rules::{Loader, MapHandedOn, Rules};

use crate::error::PlanError;
use crate::port::arm64_kernel::Arm64Kernel;
use crate::port::arm64_own::Arm64Own;
use crate::port::arm64_tools::Arm64Tools;
use crate::port::steps::Port;
#[cfg(test)]
use crate::port::test_port::TestPort;
use crate::port::x86_kernel::X86Kernel;
use crate::port::x86_own::X86Own;
use crate::port::x86_tools::X86Tools;
use crate::port::x86_tools_elf::X86ToolsElf;
use crate::request::{Caller, Purgatory, Request};

/// One row: the loads that a port serves.
struct Row {
    architecture: Architecture,
    by: By,
    takes: fn(&KernelImage<'_>) -> bool,
    port: &'static dyn Port,
}

/// Who places the segments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// kexec_file_load.
    Kernel,
    /// A program that calls kexec_load.
    Program(Caller),
}

impl By {
    const fn of(loader: Loader, caller: Caller) -> Self {
        match loader {
            Loader::KexecFileLoad => Self::Kernel,
            Loader::KexecLoad => Self::Program(caller),
        }
    }
}

const KERNEL: By = By::Kernel;
const TOOLS: By = By::Program(Caller::KexecTools);
const OWN: By = By::Program(Caller::Physmem);

const fn row(
    architecture: Architecture,
    by: By,
    takes: fn(&KernelImage<'_>) -> bool,
    port: &'static dyn Port,
) -> Row {
    Row { architecture, by, takes, port }
}

/// All ports. The first row that takes a kernel counts.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    // kexec_file_load takes no ELF kernel on x86; the port returns that error.
    row(Architecture::X86_64, KERNEL, |kernel| is_bz_image(kernel) || is_elf(kernel), &X86Kernel),
    row(Architecture::X86_64, TOOLS,  is_bz_image,    &X86Tools),
    row(Architecture::X86_64, TOOLS,  is_elf,         &X86ToolsElf),
    row(Architecture::X86_64, OWN,    is_bz_image,    &X86Own),
    row(Architecture::Arm64,  KERNEL, is_arm64_image, &Arm64Kernel),
    row(Architecture::Arm64,  TOOLS,  is_arm64_image, &Arm64Tools),
    row(Architecture::Arm64,  OWN,    is_arm64_image, &Arm64Own),
    #[cfg(test)]
    row(Architecture::Riscv64, KERNEL, is_elf, &TestPort),
];

const fn is_bz_image(kernel: &KernelImage<'_>) -> bool {
    matches!(kernel, KernelImage::BzImage(_))
}

const fn is_elf(kernel: &KernelImage<'_>) -> bool {
    matches!(kernel, KernelImage::Elf(_))
}

const fn is_arm64_image(kernel: &KernelImage<'_>) -> bool {
    matches!(kernel, KernelImage::Arm64(_))
}

/// The port for a load on a machine.
///
/// # Errors
///
/// [`PlanError::NotByPhysmem`] when only kexec-tools takes such a kernel on the machine,
/// [`PlanError::OtherArchitecture`] when no loader does; if nothing names its architecture,
/// [`PlanError::ArchitectureUnknown`].
pub(crate) fn find(machine: &Machine, request: &Request<'_>) -> Result<&'static dyn Port, PlanError> {
    let by = |caller| rows(machine, By::of(request.loader, caller)).find(|row| (row.takes)(&request.kernel));
    let row = by(request.caller);
    let kernel = request.kernel.architecture();
    row.map(|row| row.port).ok_or(if row.is_none() && by(Caller::KexecTools).is_some() {
        PlanError::NotByPhysmem
    } else if machine.kernel.architecture.is_some() {
        PlanError::OtherArchitecture { kernel }
    } else {
        PlanError::ArchitectureUnknown { kernel }
    })
}

fn rows(machine: &Machine, by: By) -> impl Iterator<Item = &'static Row> {
    let architecture = architecture(machine);
    ROWS.iter().filter(move |row| row.architecture == architecture && row.by == by)
}

/// The machine's architecture; if no port serves it, or it is unknown, the one whose firmware leaves this
/// kind of map.
fn architecture(machine: &Machine) -> Architecture {
    let map = machine.kernel.facts.map_handed_on;
    let named = machine.kernel.architecture.filter(|named| named.facts().map_handed_on == map);
    let served = named.filter(|named| ROWS.iter().any(|row| row.architecture == *named));
    served.or_else(|| Architecture::from_map(map)).unwrap_or(match map {
        MapHandedOn::E820 => Architecture::X86_64,
        MapHandedOn::BootFirmware => Architecture::Arm64,
    })
}

/// The ranges that a loader searches in a load for a reboot, ascending; kexec_load as called by kexec-tools. Ranges that touch are not joined:
/// each is searched separately.
///
/// # Errors
///
/// [`PlanError::NoIomem`], [`PlanError::NoMemblock`] or [`PlanError::NoFirmwareMap`] when what is searched
/// was not shown, [`PlanError::ClassUnknown`] when the class of memory is unknown and the rules depend on it.
pub fn search_ranges(machine: &Machine, loader: Loader, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    // All ports of a loader on one architecture search the same ranges.
    let row = rows(machine, By::of(loader, Caller::KexecTools)).next().ok_or(PlanError::NoIomem)?;
    row.port.search_ranges(machine, rules)
}

/// The usual size of purgatory, as seen in loads on Debian machines; `None` for a loader that has none
/// (kexec_file_load on arm64), or that does not take such a kernel. kexec_load as called by kexec-tools.
pub fn purgatory(loader: Loader, kernel: &KernelImage<'_>) -> Option<Purgatory> {
    let by = By::of(loader, Caller::KexecTools);
    let row = ROWS.iter().find(|row| row.by == by && (row.takes)(kernel))?;
    row.port.purgatory()
}
