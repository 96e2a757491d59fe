//! The memory that kexec-tools 2.0.25 knows on x86: where it places an image, and what it tells the next
//! kernel.

use evidence::ResourceTree;
use firmware::e820::{E820Type, Entry};
use machine::Machine;
use memblock::PhysRange;
use rules::Rules;

use crate::error::PlanError;
use crate::place::allowed::allowed_for_kexec_tools;

/// The maximum number of entries of /sys/firmware/memmap; with one more, kexec-tools says so and reads
/// /proc/iomem.
const MOST_ENTRIES: usize = 2048;
/// If the first entry is RAM and starts below this, it is made to start here.
const FIRST_START: u64 = 0x400;

/// The ranges in which it searches for places, ascending: the RAM of the map that it reads, even where the
/// running kernel does not use it.
pub(crate) fn search_ranges(machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let told = told_after_reboot(machine)?.into_iter();
    let ram: Vec<PhysRange> =
        told.filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect();
    allowed_for_kexec_tools(machine, &ram, rules)
}

/// The map of a kernel started by a reboot, by address: the firmware's map as it is now, including DIMMs that
/// were added; what `mem=` and `memmap=` changed is not in it. With `add_efi_memmap`, the map from the
/// resource tree.
///
/// Entries are neither joined nor cut where they overlap.
pub(crate) fn told_after_reboot(machine: &Machine) -> Result<Vec<Entry>, PlanError> {
    let mut entries = match machine.state.firmware_map_now.as_deref() {
        _ if has_add_efi_memmap(&machine.kernel.command_line) => of_resources(machine)?,
        None | Some([]) => return Err(PlanError::NoFirmwareMap),
        Some(map) if map.len() > MOST_ENTRIES => of_resources(machine)?,
        Some(map) => as_read(map),
    };
    if let Some(first) = entries.first().filter(|first| first.kind == E820Type::Ram).copied() {
        let start = first.range.start().max(FIRST_START);
        let moved = PhysRange::new(start, first.range.end()).ok().map(|range| Entry { range, ..first });
        // An entry that ends before is handed over reversed, and the next kernel skips it.
        entries.splice(..1, moved);
    }
    Ok(entries)
}

/// What it takes from the resource tree: of RAM, only what has exactly this name.
fn of_resources(machine: &Machine) -> Result<Vec<Entry>, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    Ok(resources(tree).collect())
}

/// The resources it knows that are not RAM, in the order of /proc/iomem, at any depth.
pub(crate) fn beside_ram(tree: &ResourceTree) -> impl Iterator<Item = Entry> {
    resources(tree).filter(|entry| entry.kind != E820Type::Ram)
}

/// The resources it knows, in the order of /proc/iomem, at any depth.
fn resources(tree: &ResourceTree) -> impl Iterator<Item = Entry> {
    let known = tree.resources().iter().filter_map(|resource| Some((resource, kind(&resource.name)?)));
    known.filter_map(|(resource, kind)| Some(Entry { range: resource.range().ok()?, kind }))
}

/// The entries of /sys/firmware/memmap as it reads them: sorted by address; types that it has no name for are
/// reserved.
fn as_read(map: &[Entry]) -> Vec<Entry> {
    let known = |entry: &Entry| Entry { kind: known(entry.kind).unwrap_or(E820Type::Reserved), ..*entry };
    let mut entries: Vec<Entry> = map.iter().map(known).collect();
    entries.sort_by_key(|entry| entry.range.start());
    entries
}

/// The type of memory that it associates with this name in /proc/iomem.
fn kind(name: &str) -> Option<E820Type> {
    E820Type::from_name(name).or((name == "reserved").then_some(E820Type::Reserved)).and_then(known)
}

/// A type that it has a name for: not unusable or soft-reserved memory.
const fn known(kind: E820Type) -> Option<E820Type> {
    match kind {
        E820Type::Unusable | E820Type::SoftReserved | E820Type::Other(_) => None,
        kind => Some(kind),
    }
}

/// Whether `add_efi_memmap` is on the command line of the running kernel. kexec-tools 2.0.25 was seen to read
/// only the first 512 bytes of /proc/cmdline.
fn has_add_efi_memmap(line: &str) -> bool {
    const READ: usize = 512;
    let read = line.as_bytes().get(..READ).unwrap_or(line.as_bytes());
    String::from_utf8_lossy(read).split_whitespace().any(|word| word == "add_efi_memmap")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::x86_tools::tests::IOMEM;
    use crate::testing::x86;

    fn entry(start: u64, last: u64, kind: E820Type) -> Entry {
        Entry { range: PhysRange::from_inclusive(start, last).unwrap(), kind }
    }

    fn told(map: Option<Vec<Entry>>, add_efi_memmap: bool) -> Result<Vec<(u64, u64)>, PlanError> {
        let iomem = IOMEM.replace(
            "7ffe0000-7fffffff : Reserved\n",
            "7ffe0000-7ffe0fff : Unusable memory\n7ffe1000-7ffe1fff : Soft Reserved\n\
             7ffe2000-7ffe2fff : System RAM (kmem)\n7ffe3000-7ffe4fff : reserved\n  7ffe3000-7ffe3fff : System RAM\n",
        );
        let mut machine = x86(&iomem);
        machine.state.firmware_map_now = map;
        machine.kernel.command_line = if add_efi_memmap { "add_efi_memmap" } else { "" }.into();
        let told = told_after_reboot(&machine)?;
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

    #[test]
    fn add_efi_memmap_is_seen_only_in_the_first_512_bytes() {
        let after = |bytes: usize| format!("{} add_efi_memmap quiet", "x".repeat(bytes));
        assert!(has_add_efi_memmap("quiet add_efi_memmap"));
        assert!(has_add_efi_memmap(&after(512 - 15)));
        assert!(!has_add_efi_memmap(&after(512 - 14)));
        assert!(!has_add_efi_memmap("add_efi_memmaps"));
    }

    #[test]
    fn what_kexec_tools_has_no_name_for_is_reserved_and_entries_are_sorted() {
        let kinds = [0xefff_ffff, 5, 99, 12, 7, 4, 3, 2, 1];
        let entries: Vec<Entry> = (0..9_u64)
            .zip(kinds)
            .map(|(n, kind)| entry(0x8000 - n * 0x1000, 0x8001 - n * 0x1000, E820Type::from(kind)))
            .collect();
        let read = as_read(&entries);
        assert!(read.is_sorted_by_key(|entry| entry.range.start()));
        let kinds: Vec<u32> = read.iter().map(|entry| entry.kind.number()).collect();
        assert_eq!(kinds, [1, 2, 3, 4, 7, 12, 2, 2, 2]);
    }
}
