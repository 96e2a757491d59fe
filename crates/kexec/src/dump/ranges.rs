//! What a dump contains.

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules, Use};

use crate::dump::header::CrashKernel;
use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::ram::system_ram;

/// What a crash dump contains, ascending: one range for each PT_LOAD of its header except the kernel's text
/// (arch/x86/kernel/crash.c:prepare_elf_headers, 6.12).
///
/// # Errors
///
/// [`PlanError::NoIomem`], or [`PlanError::ClassUnknown`] when the class of memory is unknown and the rules
/// depend on it.
pub fn dumped(
    machine: &Machine,
    crash_kernel: &CrashKernel,
    loader: Loader,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let areas: Vec<PhysRange> = crash_kernel.areas().collect();
    allowed(machine, &system_ram(machine)?, &areas, Use::Vmcore(loader), rules)
}

/// What the dump of a crash kernel loaded by kexec_file_load contains on arm64, ascending: memblock's regions
/// except NOMAP ones, to the byte, not joined even where two touch, without the crash kernel's areas
/// (arch/arm64/kernel/machine_kexec_file.c:prepare_elf_headers, 6.12). O(regions * log(regions) + ranges).
///
/// # Errors
///
/// [`PlanError::NoMemblock`], or [`PlanError::ClassUnknown`] when the class of memory is unknown and the
/// rules depend on it.
pub fn dumped_of_memblock(
    machine: &Machine,
    crash_kernel: &CrashKernel,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let areas: Vec<PhysRange> = crash_kernel.areas().collect();
    let regions = machine.state.mapped_in_memblock.as_deref().ok_or(PlanError::NoMemblock)?;
    let page = machine.kernel.page_size;
    // The machine's memory is in whole pages; a region may start or end inside a page.
    let to_the_byte = |part: PhysRange| {
        let index = regions.partition_point(|region| region.end() <= part.start());
        let region = regions.get(index).copied().unwrap_or(part);
        let is_near = |a: u64, b: u64| a.abs_diff(b) < page;
        let start = if is_near(part.start(), region.start()) { region.start() } else { part.start() };
        let end = if is_near(part.end(), region.end()) { region.end() } else { part.end() };
        PhysRange::new(start, end).unwrap_or(part)
    };
    let parts = allowed(machine, regions, &areas, Use::Vmcore(Loader::KexecFileLoad), rules)?;
    Ok(parts.into_iter().map(to_the_byte).collect())
}
