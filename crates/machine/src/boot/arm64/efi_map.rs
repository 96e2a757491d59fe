//! Memory as described by EFI's map.

use firmware::efi::{Entry, MemoryAttribute, MemoryType};
use firmware::fdt::Fdt;
use memblock::PhysRange;

use crate::boot::arm64::device_tree;
use crate::boot::early::{Early, Halt};
use crate::boot::efi::mirror::efi_find_mirror;
use crate::boot::input::{BootInput, EfiHandOver};
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::now::firmware_map::is_ram;

/// EFI's memory replaces the device tree's; then the crash kernel's limits are applied again.
pub(super) fn replace_memory(
    early: &mut Early<'_>,
    efi: &EfiHandOver,
    tree: &Fdt<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<(), Halt> {
    early.begin(Step {
        name: "efi_config_parse_tables",
        source: "drivers/firmware/efi/efi.c:efi_config_parse_tables, efi_memattr_init (6.12)",
    });
    for table in &efi.tables {
        early.reserve(*table, "a table of EFI's that is read again later")?;
    }
    add_entries(early, &efi.map, input, parameters)?;
    device_tree::keep_usable(early, tree)?;
    efi_find_mirror(early, &efi.map, parameters.movable.mirror)?;
    reserve_map(early, tree, input.build.page_size)
}

fn add_entries(
    early: &mut Early<'_>,
    map: &[Entry],
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<(), Halt> {
    early.begin(Step {
        name: "reserve_regions",
        source: "drivers/firmware/efi/efi-init.c:reserve_regions, is_usable_memory (6.12)",
    });
    if let Ok(everything) = PhysRange::new(0, u64::MAX) {
        early.remove(everything, "the EFI map counts, not what the device tree says")?;
    }
    let mut last = None;
    for entry in map {
        let range = entry.range.widen_to_multiples(input.build.page_size);
        let Some(range) = range.filter(|_| is_memory(entry)) else { continue };
        if entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE) && !parameters.efi.nosoftreserve {
            early.note(
                format!("[{range}] is not memory"),
                "special-purpose memory is kept for drivers; efi=nosoftreserve makes it RAM",
            );
            continue;
        }
        let why = name_of(entry.kind);
        early.add(range, why)?;
        if !is_usable(entry) {
            early.mark_nomap(range, why)?;
        }
        if entry.kind == MemoryType::ACPI_RECLAIM {
            early.reserve(range, "ACPI's tables, which are mapped like other memory")?;
        }
        last = Some(range);
    }
    last.map(drop).ok_or(Halt::NoRam)
}

/// Whether it behaves like memory at all. Some devices do too, such as flash with write-combining.
fn is_memory(entry: &Entry) -> bool {
    let cached =
        MemoryAttribute::WRITE_BACK | MemoryAttribute::WRITE_THROUGH | MemoryAttribute::WRITE_COMBINE;
    entry.attributes.intersects(cached)
}

/// Whether the kernel may use it once the firmware has released it.
fn is_usable(entry: &Entry) -> bool {
    is_ram(entry.kind) && entry.attributes.contains(MemoryAttribute::WRITE_BACK)
}

const fn name_of(kind: MemoryType) -> &'static str {
    match kind {
        MemoryType::LOADER_CODE | MemoryType::LOADER_DATA => "EFI: the boot loader's",
        MemoryType::BOOT_SERVICES_CODE | MemoryType::BOOT_SERVICES_DATA => {
            "EFI: boot services, which are over"
        }
        MemoryType::CONVENTIONAL => "EFI: conventional memory",
        MemoryType::PERSISTENT_MEMORY => "EFI: persistent memory",
        MemoryType::ACPI_RECLAIM => "EFI: ACPI's tables",
        MemoryType::RUNTIME_SERVICES_CODE | MemoryType::RUNTIME_SERVICES_DATA => {
            "EFI: runtime services, which stay the firmware's"
        }
        _ => "EFI: the firmware's",
    }
}

/// The map itself is needed again when runtime services are set up.
fn reserve_map(early: &mut Early<'_>, tree: &Fdt<'_>, page: u64) -> Result<(), Halt> {
    let Ok(Some(chosen)) = tree.chosen() else { return Ok(()) };
    let Ok(Some(map)) = chosen.uefi_memory_map() else { return Ok(()) };
    early.begin(Step { name: "efi_init", source: "drivers/firmware/efi/efi-init.c:efi_init (6.12)" });
    map.range.widen_to_multiples(page).map_or(Ok(()), |range| early.reserve(range, "the EFI memory map"))
}
