//! The e820 map that an x86 kernel's EFI stub builds from the firmware's EFI memory map.

use firmware::e820::{E820Type, Entry};
use firmware::efi::{self, MemoryAttribute, MemoryType};
use memblock::PhysRange;

/// Converts an EFI memory map to the e820 map the kernel starts with. Adjacent entries of the same type become one
/// entry (drivers/firmware/efi/libstub/x86-stub.c:setup_e820, 6.12; UEFI 2.10, table 7.10).
///
/// ```
/// use firmware::e820::E820Type;
/// use firmware::log;
/// let text = b"efi: mem00: [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] range=[0x0-0x9ffff] (0MB)";
/// let map: Vec<_> = log::efi(text).filter_map(Result::ok).map(|line| line.entry).collect();
/// assert_eq!(machine::boot::efi_to_e820(&map)[0].kind, E820Type::Ram);
/// ```
pub fn efi_to_e820(map: &[efi::Entry]) -> Vec<Entry> {
    let mut sorted: Vec<&efi::Entry> = map.iter().collect();
    sorted.sort_by_key(|entry| entry.range.start());
    let mut out: Vec<Entry> = Vec::new();
    for entry in sorted {
        let kind = kind(entry);
        match out.last_mut() {
            Some(last) if last.kind == kind && last.range.end() == entry.range.start() => {
                last.range = PhysRange::hull(last.range, entry.range);
            }
            _ => out.push(Entry { range: entry.range, kind }),
        }
    }
    out
}

fn kind(entry: &efi::Entry) -> E820Type {
    match entry.kind {
        MemoryType::CONVENTIONAL if entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE) => {
            E820Type::SoftReserved
        }
        MemoryType::LOADER_CODE
        | MemoryType::LOADER_DATA
        | MemoryType::BOOT_SERVICES_CODE
        | MemoryType::BOOT_SERVICES_DATA
        | MemoryType::CONVENTIONAL
        | MemoryType::UNACCEPTED => E820Type::Ram,
        MemoryType::ACPI_RECLAIM => E820Type::Acpi,
        MemoryType::ACPI_NON_VOLATILE => E820Type::Nvs,
        MemoryType::UNUSABLE => E820Type::Unusable,
        MemoryType::PERSISTENT_MEMORY => E820Type::Pmem,
        _ => E820Type::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_services_memory_is_ram_and_neighbors_of_one_type_are_one_entry() {
        let entry = |start: u64, end: u64, kind, attributes| efi::Entry {
            range: PhysRange::new(start, end).unwrap(),
            kind,
            attributes,
        };
        let none = MemoryAttribute::empty();
        let map = [
            entry(0x3000, 0x4000, MemoryType::ACPI_RECLAIM, none),
            entry(0x1000, 0x2000, MemoryType::BOOT_SERVICES_DATA, none),
            entry(0x2000, 0x3000, MemoryType::CONVENTIONAL, none),
            entry(0x4000, 0x5000, MemoryType::CONVENTIONAL, MemoryAttribute::SPECIAL_PURPOSE),
        ];
        let made: Vec<_> =
            efi_to_e820(&map).iter().map(|e| (e.range.start(), e.range.end(), e.kind)).collect();
        assert_eq!(
            made,
            [
                (0x1000, 0x3000, E820Type::Ram),
                (0x3000, 0x4000, E820Type::Acpi),
                (0x4000, 0x5000, E820Type::SoftReserved)
            ]
        );
    }
}
