//! How much memory the kernel can map, what `mem=` leaves of it, and the initial ramdisk.

use memblock::PhysRange;

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;

pub(super) const STEP: Step =
    Step { name: "arm64_memblock_init", source: "arch/arm64/mm/init.c:arm64_memblock_init (6.12)" };

/// The linear map of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinearMap {
    /// The physical address mapped at its first byte (`memstart_addr`).
    pub(super) start: u64,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// Limits memory to what physical addresses and the linear map can reach, and to `mem=`.
pub(super) fn apply(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<LinearMap, Halt> {
    early.begin(STEP);
    let arm64 = &input.build.arm64;
    let bits = |bits: u32| 1u64.checked_shl(bits).unwrap_or(u64::MAX);
    remove_from(early, bits(arm64.physical_bits), "physical addresses end there")?;
    let align = alignment(input.build.page_size);
    let size = arm64.linear_map();
    let mut start = early.memblock.start_of_dram().ok_or(Halt::NoRam)? & !align.saturating_sub(1);
    let end = start.saturating_add(size).max(input.kernel_image.end());
    remove_from(early, end, "the linear map ends there")?;
    let last = early.memblock.end_of_dram().ok_or(Halt::NoRam)?;
    if start.saturating_add(size) < last {
        // The kernel image is high up and must be in the map, so the low end is dropped.
        start = last.saturating_sub(size).checked_next_multiple_of(align).unwrap_or(start);
        if let Ok(below) = PhysRange::new(0, start) {
            early.remove(below, "the linear map begins above it, to reach the kernel's image")?;
        }
    }
    limit(early, input, parameters)?;
    if early.memblock.memory().is_empty() {
        return Err(Halt::NoRam);
    }
    Ok(LinearMap { start, size })
}

fn remove_from(early: &mut Early<'_>, start: u64, why: &str) -> Result<(), Halt> {
    PhysRange::new(start, u64::MAX).map_or(Ok(()), |above| early.remove(above, why))
}

/// The linear map starts at a multiple of what an upper-level table maps, and of a section
/// (arch/arm64/include/asm/kernel-pgtable.h:ARM64_MEMSTART_ALIGN, 6.12): 1 GiB with 4 and 16 KiB pages, 512 MiB with 64
/// KiB pages.
const fn alignment(page: u64) -> u64 {
    if page == 64 << 10 { 512 << 20 } else { 1 << 30 }
}

/// `mem=` is an amount here, and NOMAP memory counts too; the kernel image is added back if it was cut off.
fn limit(early: &mut Early<'_>, input: &BootInput, parameters: &BootParameters) -> Result<(), Halt> {
    let Some(limit) = parameters.map.arm64_limit else { return Ok(()) };
    let limit = limit & !input.build.page_size.saturating_sub(1);
    early.memblock.mem_limit_remove_map(limit)?;
    early.note(
        format!("memblock_mem_limit_remove_map: {limit:#x}"),
        "mem= is an amount, counted from the lowest region on, NOMAP included",
    );
    early.add(input.kernel_image, "the kernel's image stays memory")
}

/// The initial ramdisk is memory regardless of `mem=`, is mapped, and is reserved; if the linear map cannot reach it,
/// it is dropped.
pub(super) fn take_initrd(
    early: &mut Early<'_>,
    input: &BootInput,
    linear_map: &LinearMap,
) -> Result<(), Halt> {
    let page = input.build.page_size;
    let Some(initrd) = input.initrd.and_then(|range| range.widen_to_multiples(page)) else { return Ok(()) };
    let start = early.memblock.start_of_dram().unwrap_or(0);
    if initrd.start() < start || initrd.end() > start.saturating_add(linear_map.size) {
        early.note(
            format!("initrd [{initrd}] is given up"),
            "initrd not fully accessible via the linear mapping -- please check your bootloader",
        );
        return Ok(());
    }
    early.add(initrd, "the initial ramdisk")?;
    early.clear_nomap(initrd, "the initial ramdisk is read")?;
    early.reserve(initrd, "the initial ramdisk")
}
