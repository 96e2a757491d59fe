//! The boot of an arm64 kernel, from the device tree or the EFI map to the zones, in the kernel's order.
//!
//! Read [`boot`] from top to bottom: it covers the parts of `setup_arch` (arch/arm64/kernel/setup.c, 6.12) that affect
//! memory, including `bootmem_init` (arch/arm64/mm/init.c). The steps follow below, or in files of their own, in call
//! order.

mod device_tree;
mod dma_limit;
mod efi_map;
mod limits;
mod nodes;
mod page_tables;
mod reserved_memory;
mod unflatten;
mod vmemmap;

use firmware::fdt::Fdt;
use memblock::Request;
use rules::Rules;

use crate::arch::Architecture;
use crate::boot::cma;
use crate::boot::crashkernel::{self, Policy};
use crate::boot::early::{Early, Halt};
use crate::boot::input::{Arm64Platform, BootInput};
use crate::boot::outcome::Outcome;
use crate::boot::trace::Step;
use crate::boot::zones::{ZoneKind, ZoneLimits};
use crate::command_line::BootParameters;
use crate::command_line::acpi::AcpiMode;
use crate::releases::{DMA_ZONE_ENDS_ANYWHERE, DMA_ZONE_HAS_30_BITS, LOWEST_ZONE_IS_DMA32, Target, is_known};

const MIB: u64 = 1 << 20;
const GIB_4: u64 = 1 << 32;

/// Runs the boot.
pub(super) fn boot(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &Arm64Platform,
    tree: &Fdt<'_>,
    parameters: &BootParameters,
    rules: &Rules,
) -> Result<Outcome, Halt> {
    reserve_device_tree(early, platform)?;
    device_tree::add_memory(early, tree, input.build.page_size)?;
    device_tree::keep_usable(early, tree)?;
    if let Some(efi) = &platform.efi {
        efi_map::replace_memory(early, efi, tree, input, parameters)?;
    }
    let linear_map = limits::apply(early, input, parameters)?;
    limits::take_initrd(early, input, &linear_map)?;
    reserve_image(early, input)?;
    let reserved = reserved_memory::reserve(early, tree, input, parameters)?;
    page_tables::map_linearly(early, input, platform, parameters, &linear_map)?;
    upgrade_acpi_tables(early, input, platform)?;
    let uses_acpi = uses_acpi(tree, platform, parameters);
    let has_default_cma = if uses_acpi {
        reserved.has_default_cma
    } else {
        unflatten::unflatten(early, tree, input, &reserved)?
    };
    let nodes = nodes::numa_init(early, input, parameters, tree, uses_acpi)?;
    cma::reserve_for_huge_pages(early, input, parameters)?;
    vmemmap::populate(early, input, &linear_map)?;
    let dma_end = dma_end(early, input, platform, tree, uses_acpi);
    let limits = zone_limits(early, input, dma_end);
    if !has_default_cma {
        cma::reserve_default(early, input, parameters, dma_end)?;
    }
    let crashkernel = crashkernel::reserve(
        early,
        &crashkernel_policy(input, dma_end),
        input,
        parameters,
        early.memblock.memory_size(),
    )?;
    early.dump();
    Ok(Outcome::new(early, input, parameters, rules, &limits, &nodes, crashkernel))
}

/// Reserves the device tree blob, to its last byte. Nothing is logged until the parameters are parsed: `memblock=debug`
/// is one of them.
fn reserve_device_tree(early: &mut Early<'_>, platform: &Arm64Platform) -> Result<(), Halt> {
    early.begin(Step {
        name: "setup_machine_fdt",
        source: "arch/arm64/kernel/setup.c:setup_machine_fdt (6.12)",
    });
    match platform.device_tree_at {
        Some(blob) => early.reserve(blob, "the device tree"),
        None => Ok(()),
    }
}

fn reserve_image(early: &mut Early<'_>, input: &BootInput) -> Result<(), Halt> {
    early.begin(limits::STEP);
    early.reserve(input.kernel_image, "the kernel's image")
}

/// ACPI tables from the initial ramdisk are copied, and the copy is left out of the linear map, to its last byte.
fn upgrade_acpi_tables(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &Arm64Platform,
) -> Result<(), Halt> {
    let Some(bytes) = platform.acpi_upgrade else { return Ok(()) };
    early.begin(Step {
        name: "acpi_table_upgrade",
        source: "drivers/acpi/tables.c:acpi_table_upgrade, arch/arm64/include/asm/acpi.h (6.12)",
    });
    let request = Request { align: input.build.page_size, ..Request::new(bytes) };
    match early.try_alloc(&request, "ACPI tables of the initial ramdisk that replace the firmware's")? {
        Some(copy) => early.mark_nomap(copy, "ACPI maps its tables itself"),
        None => Ok(()),
    }
}

/// ACPI is used if there are tables and the device tree is a stub, or if `acpi=` asks for it
/// (arch/arm64/kernel/acpi.c:acpi_boot_table_init, 6.12).
fn uses_acpi(tree: &Fdt<'_>, platform: &Arm64Platform, parameters: &BootParameters) -> bool {
    let is_wanted = match parameters.acpi.mode {
        Some(AcpiMode::Off) => false,
        Some(AcpiMode::On | AcpiMode::Force) => true,
        None => device_tree::is_stub(tree),
    };
    is_wanted && platform.has_acpi
}

/// The first address some device cannot reach; at most 4 GiB if there is memory below 4 GiB.
fn dma_end(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &Arm64Platform,
    tree: &Fdt<'_>,
    uses_acpi: bool,
) -> u64 {
    early.begin(Step { name: "zone_sizes_init", source: "arch/arm64/mm/init.c:zone_sizes_init (6.12)" });
    let said = if uses_acpi { platform.iort_limit } else { dma_limit::of(tree) };
    let start = early.memblock.start_of_dram().unwrap_or(0);
    let last = early.memblock.end_of_dram().unwrap_or(1).saturating_sub(1);
    let limit = if has_behavior(input, DMA_ZONE_ENDS_ANYWHERE) {
        let cap = if start < GIB_4 - 1 { GIB_4 - 1 } else { u64::MAX };
        said.unwrap_or(u64::MAX).min(cap)
    } else if has_behavior(input, DMA_ZONE_HAS_30_BITS) {
        dma_limit::in_bits(Some((1 << 30) - 1), start)
    } else {
        dma_limit::in_bits(said, start)
    };
    let end = limit.min(last).saturating_add(1);
    let why = if said.is_some() {
        "the firmware says how far devices reach"
    } else {
        "every device is taken to reach all memory, of low memory 4 GiB"
    };
    early.note(format!("devices reach up to {end:#x}"), why);
    end
}

/// ZONE_DMA is what all devices reach, ZONE_DMA32 the rest below 4 GiB, ZONE_NORMAL everything else.
fn zone_limits(early: &mut Early<'_>, input: &BootInput, dma_end: u64) -> ZoneLimits {
    let page = input.build.page_size.max(1);
    let first = early.memblock.start_of_dram().unwrap_or(0).div_ceil(page);
    let end = early.memblock.end_of_dram().unwrap_or(0);
    let is_dma32 = has_behavior(input, LOWEST_ZONE_IS_DMA32);
    let lowest = if is_dma32 { ZoneKind::Dma32 } else { ZoneKind::Dma };
    let limits = ZoneLimits::new(
        first,
        &[(lowest, dma_end / page), (ZoneKind::Dma32, GIB_4.min(end) / page), (ZoneKind::Normal, end / page)],
    );
    limits.account(early);
    limits
}

/// Crash kernels start at a multiple of 2 MiB, below the DMA limit or below the last physical address
/// (arch/arm64/include/asm/crash_reserve.h, 6.12).
fn crashkernel_policy(input: &BootInput, dma_end: u64) -> Policy {
    Policy {
        architecture: Architecture::Arm64,
        align: 2 * MIB,
        low_end: dma_end,
        high_end: 1u64.checked_shl(input.build.arm64.physical_bits).unwrap_or(u64::MAX),
    }
}

/// Whether the kernel has the behavior named by a row of the releases table.
fn has_behavior(input: &BootInput, what: &str) -> bool {
    is_known(what, &Target::new(Architecture::Arm64, input.release.clone()))
}

#[cfg(test)]
mod tests;
