//! The boot of an x86_64 kernel, from the e820 map to the zones, in the kernel's order.
//!
//! Read [`boot`] from top to bottom: it covers the parts of `setup_arch` (arch/x86/kernel/setup.c, 6.12) that affect
//! memory. The steps follow below, or in files of their own, in call order.

mod direct_map;
mod e820_map;
mod nodes;
mod ram_map;

use firmware::e820::E820Type;
use firmware::efi::MemoryType;
use memblock::{PhysRange, Request};
use rules::Rules;

use crate::arch::Architecture;
use crate::boot::cma;
use crate::boot::crashkernel::{self, Crashkernel, Policy};
use crate::boot::early::{Early, Halt};
use crate::boot::efi::mirror::efi_find_mirror;
use crate::boot::input::{BootInput, X86Platform};
use crate::boot::kho;
use crate::boot::log_buffer;
use crate::boot::outcome::Outcome;
use crate::boot::trace::Step;
use crate::boot::x86::direct_map::DirectMap;
use crate::boot::x86::e820_map::E820Map;
use crate::boot::zones::{ZoneKind, ZoneLimits};
use crate::command_line::BootParameters;
use crate::releases::{HUGETLB_CMA_COMES_LAST, Target, ZONES_END_WITH_MEMORY, is_known};

const PAGE: u64 = 1 << 12;
const KIB_64: u64 = 64 << 10;
const MIB: u64 = 1 << 20;
const GIB_4: u64 = 1 << 32;
const ISA_HOLE: u64 = 0xa_0000;
/// Low memory that ends below the first is not believed; it ends at the second at the latest (arch/x86/kernel/ebda.c,
/// 6.12).
const LOW_END: (u64, u64) = (0x2_0000, 0x9_f000);
/// Bytes of a setup_data node before its data, and of the data if it is a random seed.
const SETUP_DATA_HEADER: u64 = 16;
const RANDOM_SEED: u64 = 32;
/// Where ZONE_DMA ends.
const DMA_END: u64 = 16 * MIB;

/// Crash kernels start at a multiple of 16 MiB, below 4 GiB or below 64 TiB (arch/x86/include/asm/crash_reserve.h,
/// 6.12).
const CRASHKERNEL: Policy =
    Policy { architecture: Architecture::X86_64, align: 16 * MIB, low_end: GIB_4, high_end: 64 << 40 };

/// Runs the boot.
pub(super) fn boot(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &X86Platform,
    parameters: &BootParameters,
    rules: &Rules,
) -> Result<Outcome, Halt> {
    reserve_what_the_boot_loader_put(early, input, platform)?;
    let mut e820 = ram_map::firmware_map(early, platform, parameters);
    ram_map::edit_map(early, &mut e820, parameters);
    ram_map::reserve_setup_data(early, &mut e820, platform)?;
    kho::take_over(early, input)?;
    efi_init(early, platform)?;
    ram_map::trim_bios_range(early, &mut e820, input.build.low_cut);
    ram_map::add_kernel_range(early, &mut e820, input);
    let max_pfn = ram_map::find_last_pages(early, &e820, input);
    reserve_brk(early, input, platform)?;
    let memory_size = memblock_setup(early, &e820)?;
    efi_find_mirror(early, &platform.efi_map, parameters.movable.mirror)?;
    if let Some(end) = platform.narrow_end {
        return boot_narrow(early, input, parameters, rules, max_pfn, end);
    }
    reserve_efi_boot_services(early, platform)?;
    // The first MiB is allocated from all the same.
    early.memblock.set_kho_scratch_only(false);
    reserve_real_mode(early, input)?;
    early.memblock.set_kho_scratch_only(!input.scratch_left.is_empty());
    map_directly(early, input, parameters, max_pfn)?;
    log_buffer::allocate(early, input, parameters)?;
    relocate_initrd(early, input, max_pfn)?;
    acpi_tables(early, platform)?;
    let nodes = nodes::numa_init(early, input, parameters, max_pfn)?;
    early.dump();
    cma::reserve_default(early, input, parameters, max_pfn.saturating_mul(PAGE))?;
    let has_gigantic = input.build.gib_pages;
    let target = Target::new(Architecture::X86_64, input.release.clone());
    let is_last = is_known(HUGETLB_CMA_COMES_LAST, &target);
    if has_gigantic && !is_last {
        cma::reserve_for_huge_pages(early, input, parameters)?;
    }
    let mut crashkernel = crashkernel::reserve(early, &CRASHKERNEL, input, parameters, memory_size)?;
    crashkernel.cma = cma::reserve_for_crash_kernel(early, input, parameters, memory_size)?;
    if has_gigantic && is_last {
        cma::reserve_for_huge_pages(early, input, parameters)?;
    }
    let limits = zone_limits(early, max_pfn, is_known(ZONES_END_WITH_MEMORY, &target));
    Ok(Outcome::new(early, input, parameters, rules, &limits, &nodes, crashkernel))
}

/// The rest of a 32-bit boot as far as it is predicted: which node memory is on.
fn boot_narrow(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    rules: &Rules,
    max_pfn: u64,
    end: u64,
) -> Result<Outcome, Halt> {
    if let Ok(beyond) = PhysRange::new(end, u64::MAX) {
        early.remove(beyond, "a 32-bit kernel does not address it")?;
    }
    let nodes = nodes::numa_init(early, input, parameters, max_pfn)?;
    let limits = ZoneLimits::default();
    let mut outcome = Outcome::new(early, input, parameters, rules, &limits, &nodes, Crashkernel::default());
    outcome.movable.clear();
    outcome.fallback.clear();
    Ok(outcome)
}

/// First of all: the kernel image, the initial ramdisk, the first 64 KiB, which BIOSes write to, and the range from the
/// end of low memory to 1 MiB. None of this is logged, because `memblock=debug` is not parsed yet.
fn reserve_what_the_boot_loader_put(
    early: &mut Early<'_>,
    input: &BootInput,
    platform: &X86Platform,
) -> Result<(), Halt> {
    early.begin(Step {
        name: "early_reserve_memory",
        source: "arch/x86/kernel/setup.c:early_reserve_memory (6.12)",
    });
    early.memblock.set_current_limit(MIB);
    early.reserve_kern(input.kernel_image, "the kernel's image")?;
    if let Ok(range) = PhysRange::new(0, KIB_64) {
        early.reserve(range, "the BIOS may write to the first 64 KiB")?;
    }
    if let Some(initrd) = input.initrd.and_then(|range| range.widen_to_multiples(PAGE)) {
        early.reserve_kern(initrd, "the initial ramdisk")?;
    }
    for data in &platform.setup_data {
        // A node without data was a random seed: the kernel clears its length when it uses it.
        let seed = if data.size() == SETUP_DATA_HEADER { RANDOM_SEED } else { 0 };
        if let Ok(node) = PhysRange::from_size(data.start(), data.size().saturating_add(seed)) {
            early.reserve_kern(node, "a setup_data node of the boot loader")?;
        }
    }
    // The end of low memory is stored in the BIOS data area, which also determines where the map's first entry ends.
    let low = platform.e820.iter().filter(|e| e.kind == E820Type::Ram && e.range.start() < ISA_HOLE);
    let low_end = low.map(|entry| entry.range.end().min(ISA_HOLE)).max();
    if let Some(bios) = low_end.and_then(|end| {
        PhysRange::new(if end < LOW_END.0 { LOW_END.1 } else { end.min(LOW_END.1) }, MIB).ok()
    }) {
        early.reserve(bios, "the BIOS's extended data, video memory and ROMs")?;
    }
    if let Some(map) = platform.efi_map_at {
        early.reserve(map, "the EFI memory map")?;
    }
    Ok(())
}

/// The EFI tables that the kernel reads later are reserved as they are found.
fn efi_init(early: &mut Early<'_>, platform: &X86Platform) -> Result<(), Halt> {
    if !platform.is_efi {
        return Ok(());
    }
    early.begin(Step { name: "efi_init", source: "drivers/firmware/efi/memattr.c:efi_memattr_init (6.12)" });
    for table in &platform.efi_tables {
        early.reserve(*table, "a table of EFI's that is read later")?;
    }
    Ok(())
}

/// What the kernel allocated from the area after its bss.
fn reserve_brk(early: &mut Early<'_>, input: &BootInput, platform: &X86Platform) -> Result<(), Halt> {
    early.begin(Step { name: "reserve_brk", source: "arch/x86/kernel/setup.c:reserve_brk (6.12)" });
    let brk = platform.brk.or_else(|| {
        let pages = input.build.early_page_tables.saturating_add(1);
        PhysRange::from_size(input.kernel_image.end(), pages.saturating_mul(PAGE)).ok()
    });
    brk.map_or(Ok(()), |brk| {
        early.reserve_kern(brk, "the kernel's early allocations: first page tables, DMI strings")
    })
}

/// RAM becomes memory, trimmed to whole pages. Returns the bytes before trimming, the size Linux keeps using.
fn memblock_setup(early: &mut Early<'_>, e820: &E820Map) -> Result<u64, Halt> {
    early.begin(Step {
        name: "e820__memblock_setup",
        source: "arch/x86/kernel/e820.c:e820__memblock_setup (6.12)",
    });
    for entry in e820.entries() {
        match entry.kind {
            E820Type::Ram => early.add(entry.range, "usable")?,
            E820Type::SoftReserved => early.reserve(entry.range, "kept for drivers")?,
            _ => {}
        }
    }
    let size = early.memblock.memory_size();
    let cut = early.memblock.trim_memory(PAGE);
    if cut > 0 {
        early.note(
            format!("memblock_trim_memory: {cut} bytes less"),
            "only whole pages can be used; the memory size that Linux prints keeps counting them",
        );
    }
    Ok(size)
}

/// EFI boot services memory: some firmware still uses it while virtual addresses are set up.
fn reserve_efi_boot_services(early: &mut Early<'_>, platform: &X86Platform) -> Result<(), Halt> {
    if !platform.is_efi {
        return Ok(());
    }
    early.begin(Step {
        name: "efi_reserve_boot_services",
        source: "arch/x86/platform/efi/quirks.c:efi_reserve_boot_services (6.12)",
    });
    for entry in &platform.efi_map {
        let is_boot_service =
            matches!(entry.kind, MemoryType::BOOT_SERVICES_CODE | MemoryType::BOOT_SERVICES_DATA);
        if is_boot_service && !early.memblock.is_region_reserved(entry.range) {
            early.reserve(entry.range, "EFI boot services, until EFI's virtual mode is set")?;
        }
    }
    Ok(())
}

/// A trampoline for the other processors below 1 MiB; after that, nothing else is allocated there.
fn reserve_real_mode(early: &mut Early<'_>, input: &BootInput) -> Result<(), Halt> {
    early.begin(Step {
        name: "reserve_real_mode",
        source: "arch/x86/realmode/init.c:reserve_real_mode (6.12)",
    });
    let request = Request { align: PAGE, max: Some(MIB), ..Request::new(input.build.trampoline) };
    early.try_alloc(&request, "the real-mode trampoline")?;
    if let Ok(first) = PhysRange::new(0, MIB) {
        early.reserve(first, "BIOSes write to the first MiB")?;
    }
    Ok(())
}

/// The page tables of the direct map; afterwards, allocations may come from all mapped memory.
fn map_directly(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
    max_pfn: u64,
) -> Result<(), Halt> {
    early.begin(Step { name: "init_mem_mapping", source: "arch/x86/mm/init.c:init_mem_mapping (6.12)" });
    let pages = input.build.early_page_tables.saturating_mul(PAGE);
    let buffer = PhysRange::from_size(input.kernel_image.end(), pages).unwrap_or(input.kernel_image);
    let end = max_pfn.saturating_mul(PAGE);
    let below_end = |region: memblock::Region| PhysRange::new(0, end).ok()?.intersect(region.range);
    let ram = early.memblock.memory().iter().filter_map(below_end).collect();
    // The first tables come from memory that memblock does not consider mapped yet.
    early.memblock.set_current_limit(u64::MAX);
    let map = DirectMap {
        gib_pages: input.build.gib_pages && parameters.direct_map.gbpages != Some(false),
        levels: if parameters.direct_map.no5lvl { 4 } else { input.build.page_table_levels },
        buffered: input.build.early_page_tables,
        kernel_end: buffer.end(),
        ram,
        end,
        buffer,
    };
    map.build(early)?;
    early.memblock.set_current_limit(end);
    early.note(format!("current limit: {end:#x}"), "everything is mapped now");
    Ok(())
}

/// An initial ramdisk outside RAM is copied to where it can be read.
fn relocate_initrd(early: &mut Early<'_>, input: &BootInput, max_pfn: u64) -> Result<(), Halt> {
    let Some(initrd) = input.initrd.and_then(|range| range.widen_to_multiples(PAGE)) else { return Ok(()) };
    early.begin(Step { name: "reserve_initrd", source: "arch/x86/kernel/setup.c:reserve_initrd (6.12)" });
    if early.memblock.is_region_memory(initrd) {
        early.note(format!("RAMDISK: [{initrd}]"), "it lies in RAM");
        return Ok(());
    }
    let end = max_pfn.saturating_mul(PAGE);
    let request = Request { align: PAGE, max: Some(end), ..Request::new(initrd.size()) };
    early.alloc(&request, "a copy of the initial ramdisk, which lies outside RAM")?;
    early.free(initrd, "the ramdisk was copied")
}

/// ACPI tables from the initial ramdisk, and the firmware's own, stay where they are.
fn acpi_tables(early: &mut Early<'_>, platform: &X86Platform) -> Result<(), Halt> {
    early.begin(Step {
        name: "acpi_table_upgrade",
        source: "drivers/acpi/tables.c:acpi_table_upgrade, acpi_reserve_initial_tables (6.12)",
    });
    if let Some(bytes) = platform.acpi_upgrade {
        // Tables must be reachable while only low memory is sure to be mapped.
        let low = early.memblock.memory().iter().map(|region| region.range.end().min(GIB_4)).max();
        let end = low.unwrap_or(0);
        let request = Request { align: PAGE, max: Some(end), ..Request::new(bytes) };
        early.try_alloc(&request, "ACPI tables of the initial ramdisk that replace the firmware's")?;
    }
    for table in &platform.acpi_tables {
        early.reserve(*table, "an ACPI table of the firmware")?;
    }
    Ok(())
}

/// ZONE_DMA ends at 16 MiB, ZONE_DMA32 at 4 GiB, ZONE_NORMAL with memory; none ends above memory, but before 4.0 the first
/// two did.
fn zone_limits(early: &mut Early<'_>, max_pfn: u64, end_with_memory: bool) -> ZoneLimits {
    early.begin(Step { name: "zone_sizes_init", source: "arch/x86/mm/init.c:zone_sizes_init (6.12)" });
    let first = early.memblock.start_of_dram().unwrap_or(0) / PAGE;
    let most = if end_with_memory { max_pfn } else { u64::MAX };
    let limits = ZoneLimits::new(
        first,
        &[
            (ZoneKind::Dma, (DMA_END / PAGE).min(most)),
            (ZoneKind::Dma32, (GIB_4 / PAGE).min(most)),
            (ZoneKind::Normal, max_pfn),
        ],
    );
    limits.account(early);
    limits
}
