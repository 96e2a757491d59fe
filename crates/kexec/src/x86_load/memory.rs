//! The memory that kexec-tools 2.0.25 knows of on x86: where it places an image, and what it tells the next kernel.

use firmware::e820::{E820Type, Entry};
use machine::Machine;
use evidence::resources::ResourceTree;
use memblock::PhysRange;

use crate::error::PlanError;
use crate::facts::Facts;

/// The most entries of /sys/firmware/memmap that it takes; with one more it says so, and reads /proc/iomem.
const MOST_ENTRIES: usize = 2048;
/// A first range of RAM that starts below this is made to start here.
const FIRST_START: u64 = 0x400;

/// The RAM in which it looks for places, ascending.
pub(crate) fn ram(machine: &Machine, facts: &Facts) -> Result<Vec<PhysRange>, PlanError> {
    let told = told_after_reboot(machine, facts)?.into_iter();
    Ok(told.filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect())
}

/// The map of a kernel that is started by a reboot, by address: the firmware's as it is now, with the DIMMs that were
/// added; what `mem=` and `memmap=` changed is not in it. With `add_efi_memmap`, the resource tree's.
///
/// No entry is joined with another, or cut where another lies on it.
pub(super) fn told_after_reboot(machine: &Machine, facts: &Facts) -> Result<Vec<Entry>, PlanError> {
    let mut entries = match facts.firmware_map_now.as_deref() {
        _ if facts.add_efi_memmap => of_resources(machine)?,
        None | Some([]) => return Err(PlanError::NoFirmwareMap),
        Some(map) if map.len() > MOST_ENTRIES => of_resources(machine)?,
        Some(map) => map.to_vec(),
    };
    if let Some(first) = entries.first().filter(|first| first.kind == E820Type::Ram).copied() {
        let start = first.range.start().max(FIRST_START);
        let moved = PhysRange::new(start, first.range.end()).ok().map(|range| Entry { range, ..first });
        // What ends before is handed over turned around, which the next kernel passes over.
        entries.splice(..1, moved);
    }
    Ok(entries)
}

/// What it tells by the resource tree: of RAM, what has exactly this name.
fn of_resources(machine: &Machine) -> Result<Vec<Entry>, PlanError> {
    let tree = machine.resources.as_ref().ok_or(PlanError::NoIomem)?;
    Ok(resources(tree).collect())
}

/// The resources it takes notice of that are no RAM, in the order of /proc/iomem, at any depth.
pub(super) fn beside_ram(tree: &ResourceTree) -> impl Iterator<Item = Entry> {
    resources(tree).filter(|entry| entry.kind != E820Type::Ram)
}

/// The resources it takes notice of, in the order of /proc/iomem, at any depth.
fn resources(tree: &ResourceTree) -> impl Iterator<Item = Entry> {
    let known = tree.resources().iter().filter_map(|resource| Some((resource, kind(&resource.name)?)));
    known.filter_map(|(resource, kind)| Some(Entry { range: resource.range().ok()?, kind }))
}

/// The type of memory that it knows by this name, in /proc/iomem as in /sys/firmware/memmap; unusable and soft-reserved
/// memory have none.
pub(crate) fn kind(name: &str) -> Option<E820Type> {
    match name {
        "System RAM" => Some(E820Type::Ram),
        "ACPI Tables" => Some(E820Type::Acpi),
        "ACPI Non-volatile Storage" => Some(E820Type::Nvs),
        "Persistent Memory" => Some(E820Type::Pmem),
        "Persistent Memory (legacy)" => Some(E820Type::Pram),
        "Reserved" | "reserved" => Some(E820Type::Reserved),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::x86;
    use crate::x86_load::tests::IOMEM;

    fn entry(start: u64, last: u64, kind: E820Type) -> Entry {
        Entry { range: PhysRange::from_inclusive(start, last).unwrap(), kind }
    }

    fn told(map: Option<Vec<Entry>>, add_efi_memmap: bool) -> Result<Vec<(u64, u64)>, PlanError> {
        let iomem = IOMEM.replace(
            "7ffe0000-7fffffff : Reserved\n",
            "7ffe0000-7ffe0fff : Unusable memory\n7ffe1000-7ffe1fff : Soft Reserved\n\
             7ffe2000-7ffe2fff : System RAM (kmem)\n7ffe3000-7ffe4fff : reserved\n  7ffe3000-7ffe3fff : System RAM\n",
        );
        let facts = Facts { firmware_map_now: map, add_efi_memmap, ..Facts::default() };
        let told = told_after_reboot(&x86(&iomem), &facts)?;
        Ok(told.iter().map(|entry| (entry.range.start(), entry.range.last())).collect())
    }

    const OF_IOMEM: [(u64, u64); 9] = [
        (0, 0xfff),
        (0x1000, 0x9_fbff),
        (0x9_fc00, 0x9_ffff),
        (0xf_0000, 0xf_ffff),
        (0x10_0000, 0x7ffd_ffff),
        (0x7ffe_3000, 0x7ffe_4fff),
        (0x7ffe_3000, 0x7ffe_3fff),
        (0xfffc_0000, 0xffff_ffff),
        (0xfd_0000_0000, 0xff_ffff_ffff),
    ];

    #[test]
    fn a_first_range_of_ram_starts_at_0x400_and_no_other() {
        let (ram, reserved) = (E820Type::Ram, E820Type::Reserved);
        let first = |entries: &[Entry]| told(Some(entries.to_vec()), false).unwrap();
        assert_eq!(first(&[entry(0, 0x9_fbff, ram)]), [(0x400, 0x9_fbff)]);
        assert_eq!(first(&[entry(0x1000, 0x9_fbff, ram)]), [(0x1000, 0x9_fbff)]);
        assert_eq!(
            first(&[entry(0, 0x1ff, reserved), entry(0x200, 0x7ff, ram)]),
            [(0, 0x1ff), (0x200, 0x7ff)]
        );
        assert_eq!(first(&[entry(0x200, 0x3ff, ram), entry(0x500, 0x7ff, ram)]), [(0x500, 0x7ff)]);
    }

    #[test]
    fn without_the_firmware_map_nothing_is_told_and_with_2049_entries_the_resource_tree_is() {
        let many = |entries: u64| {
            let entry = |n: u64| entry(n << 12, (n << 12) + 0x7ff, E820Type::Ram);
            told(Some((1..=entries).map(entry).collect()), false).map(|told| told.len())
        };
        assert_eq!(told(None, false), Err(PlanError::NoFirmwareMap));
        assert_eq!(many(0), Err(PlanError::NoFirmwareMap));
        assert_eq!((many(2048), many(2049)), (Ok(2048), Ok(OF_IOMEM.len())));
    }

    #[test]
    fn add_efi_memmap_makes_it_read_the_resource_tree_where_ram_has_its_exact_name() {
        assert_eq!(told(None, true).unwrap(), OF_IOMEM);
    }
}
