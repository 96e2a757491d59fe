//! What the next kernel is told on arm64: by `/chosen` of its device tree, and by the EFI map to which that
//! points.

use firmware::e820::{E820Type, Entry};
use firmware::efi::{self, MemoryAttribute, MemoryType};
use firmware::fdt::Fdt;
use machine::KernelState;
use memblock::PhysRange;

use crate::error::Arm64Error;

/// What the device tree of the next kernel says besides its command line, which is `bootargs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextChosen {
    /// `linux,initrd-start` and `-end`, to the byte.
    pub initrd: Option<PhysRange>,
    /// `linux,elfcorehdr`.
    pub elfcorehdr: Option<PhysRange>,
    /// `linux,usable-memory-range`: the crash kernel's area, then the one below 4 GiB; empty for a reboot.
    pub usable_memory: Vec<PhysRange>,
    /// Entries added to the memory reservation block: the initial ramdisk and the header of the dump; none
    /// with kexec-tools; by physmem, in a reboot, tables that the interrupt controller goes on writing to.
    pub reserved: Vec<PhysRange>,
    /// Whether there is a `kaslr-seed`, and with kexec_file_load an `rng-seed`: not if the kernel has no
    /// random numbers yet, or kexec-tools finds no seed to renew.
    pub seeds: bool,
    /// How the next kernel learns about its memory.
    pub memory: ToldBy,
}

/// How an arm64 kernel learns about its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToldBy {
    /// The memory nodes of the device tree.
    MemoryNodes,
    /// EFI's map of this boot, to which the device tree points.
    EfiMap,
    /// One of these, but it is not shown which, or what it says: the boot device tree, or EFI's map, which is
    /// in the log only after a boot with `efi=debug`. The memory is what the rules say is told.
    NotShown,
    /// `linux,usable-memory-range`, which limits either to the crash kernel's areas.
    UsableMemoryRange,
}

/// The map of a kernel started by a reboot: what the firmware told this one, by EFI or by the device tree
/// (drivers/firmware/efi/efi-init.c:efi_init, drivers/of/fdt.c:early_init_dt_scan_memory, 6.12). Memory added
/// since is not in it. Empty if it is EFI's and not shown.
///
/// # Errors
///
/// [`Arm64Error::DeviceTree`] when its memory nodes cannot be read.
pub(crate) fn map_after_reboot(
    tree: &Fdt<'_>,
    state: &KernelState,
) -> Result<(ToldBy, Vec<Entry>), Arm64Error> {
    let chosen = tree.chosen()?;
    if chosen.is_some_and(|chosen| !matches!(chosen.uefi_memory_map(), Ok(None))) {
        return Ok(match &state.efi_map {
            Some(map) => (ToldBy::EfiMap, of_efi(map)),
            None => (ToldBy::NotShown, Vec::new()),
        });
    }
    let nodes = tree.memory()?.filter_map(Result::ok).filter(|memory| memory.enabled);
    let mut ram: Vec<PhysRange> = nodes.map(|memory| memory.range).collect();
    ram.sort_unstable();
    Ok((ToldBy::MemoryNodes, ram.into_iter().map(|range| Entry { range, kind: E820Type::Ram }).collect()))
}

/// EFI's map as an arm64 kernel understands it: memory that the firmware does not use is RAM if it can be
/// cached, and adjacent entries of one type are joined. What does not behave like memory at all is left out
/// (drivers/firmware/efi/efi-init.c:is_memory, is_usable_memory, 6.12).
fn of_efi(map: &[efi::Entry]) -> Vec<Entry> {
    let cached =
        MemoryAttribute::WRITE_BACK | MemoryAttribute::WRITE_THROUGH | MemoryAttribute::WRITE_COMBINE;
    let mut sorted: Vec<&efi::Entry> =
        map.iter().filter(|entry| entry.attributes.intersects(cached)).collect();
    sorted.sort_by_key(|entry| entry.range);
    let mut entries: Vec<Entry> = Vec::new();
    for entry in sorted {
        let kind = kind(entry);
        match entries.last_mut() {
            Some(last) if last.kind == kind && last.range.end() == entry.range.start() => {
                last.range = last.range.hull(entry.range);
            }
            _ => entries.push(Entry { range: entry.range, kind }),
        }
    }
    entries
}

fn kind(entry: &efi::Entry) -> E820Type {
    let special = entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE);
    match entry.kind {
        MemoryType::ACPI_NON_VOLATILE => E820Type::Nvs,
        _ if !entry.attributes.contains(MemoryAttribute::WRITE_BACK) => E820Type::Reserved,
        MemoryType::ACPI_RECLAIM => E820Type::Acpi,
        MemoryType::CONVENTIONAL if special => E820Type::SoftReserved,
        MemoryType::LOADER_CODE
        | MemoryType::LOADER_DATA
        | MemoryType::BOOT_SERVICES_CODE
        | MemoryType::BOOT_SERVICES_DATA
        | MemoryType::CONVENTIONAL
        | MemoryType::PERSISTENT_MEMORY => E820Type::Ram,
        _ => E820Type::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_efi_that_the_next_kernel_may_use_is_ram_and_flash_that_only_combines_writes_is_not() {
        let entry = |start: u64, kind, attributes| efi::Entry {
            range: PhysRange::from_size(start, 0x1000).unwrap(),
            kind,
            attributes,
        };
        let wb = MemoryAttribute::WRITE_BACK;
        let map = [
            entry(0x5000, MemoryType::CONVENTIONAL, wb | MemoryAttribute::SPECIAL_PURPOSE),
            entry(0x1000, MemoryType::MMIO, MemoryAttribute::WRITE_COMBINE),
            entry(0x2000, MemoryType::BOOT_SERVICES_DATA, wb),
            entry(0x3000, MemoryType::PERSISTENT_MEMORY, wb),
            entry(0x4000, MemoryType::ACPI_RECLAIM, wb),
            entry(0x6000, MemoryType::CONVENTIONAL, MemoryAttribute::UNCACHEABLE),
            entry(0x7000, MemoryType::RUNTIME_SERVICES_DATA, wb),
        ];
        let told: Vec<_> = of_efi(&map).iter().map(|e| (e.range.start(), e.range.end(), e.kind)).collect();
        assert_eq!(
            told,
            [
                (0x1000, 0x2000, E820Type::Reserved),
                (0x2000, 0x4000, E820Type::Ram),
                (0x4000, 0x5000, E820Type::Acpi),
                (0x5000, 0x6000, E820Type::SoftReserved),
                (0x7000, 0x8000, E820Type::Reserved),
            ]
        );
    }
}
