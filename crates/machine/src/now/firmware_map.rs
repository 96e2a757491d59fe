//! The firmware's boot-time memory map, from whichever source still shows it.

use firmware::e820::{BootParams, E820Error, E820Type, ZERO_PAGE_ENTRIES};
use memblock::{PhysRange, RangeError};
use uefi_raw::table::boot::{MemoryAttribute, MemoryType};

use crate::command_line;
use crate::range_set::RangeSet;
use evidence::snapshot::FirmwareMapEntry;
use evidence::{Evidence, Unknown};

/// The kind of map the firmware provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// e820, from the BIOS or built by a boot loader.
    E820,
    /// EFI.
    Efi,
    /// Device tree.
    DeviceTree,
}

impl MapKind {
    /// The human-readable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::E820 => "e820",
            Self::Efi => "EFI",
            Self::DeviceTree => "device tree",
        }
    }
}

/// The RAM in the firmware's map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareMap {
    /// The kind of map; `None` if unknown.
    pub kind: Option<MapKind>,
    /// The RAM it lists; `None` if the map could not be read.
    pub ram: Option<RangeSet>,
    /// What the kernel appended to `/sys/firmware/memmap` after boot, as far as the order of the entries shows it.
    pub appended: RangeSet,
    /// Whether `ram` may include memory that was appended after boot and is indistinguishable from boot entries.
    pub may_hold_appended: bool,
}

impl FirmwareMap {
    /// Reads the best available source: the boot parameters, the log, `/sys/firmware/memmap`, the EFI map in the log,
    /// the device tree.
    pub(crate) fn of(evidence: &Evidence, command_line: &str, unknown: &mut Vec<Unknown>) -> Self {
        from_boot_params(evidence, unknown)
            .or_else(|| from_e820_log(evidence))
            .or_else(|| from_firmware_memmap(evidence))
            .or_else(|| from_efi_or_device_tree(evidence, command_line, unknown))
            .unwrap_or_else(|| {
                unknown.push(Unknown::new(
                    "the firmware's memory map",
                    "no source shows it: /sys/kernel/boot_params, /sys/firmware/memmap, /sys/firmware/fdt, the kernel log",
                    "which memory was there at boot is told from the log's early node ranges, or else from the shape of /proc/iomem",
                ));
                Self::default()
            })
    }

    fn known(kind: MapKind, ram: impl Iterator<Item = PhysRange>) -> Option<Self> {
        let ram: RangeSet = ram.collect();
        (!ram.is_empty()).then(|| Self { kind: Some(kind), ram: Some(ram), ..Self::default() })
    }
}

fn from_boot_params(evidence: &Evidence, unknown: &mut Vec<Unknown>) -> Option<FirmwareMap> {
    const FILE: &str = "/sys/kernel/boot_params/data";
    let bytes = evidence.boot_params.read()?;
    let parameters = match BootParams::new(&bytes.0) {
        Ok(parameters) => parameters,
        Err(error) => {
            let effect = "the e820 map is taken from the kernel log or from /sys/firmware/memmap";
            unknown.push(Unknown::new(FILE, &format!("{FILE}: {error}"), effect));
            return None;
        }
    };
    let mut ram = Vec::new();
    for entry in parameters.entries() {
        match entry {
            Ok(entry) => ram.extend((entry.kind == E820Type::Ram).then_some(entry.range)),
            // The kernel silently drops these too.
            Err(E820Error::Range { source: RangeError::Empty { .. }, .. }) => {}
            Err(error) => {
                unknown.push(Unknown::new(FILE, &format!("{FILE}: {error}"), "that entry is left out"));
            }
        }
    }
    let map = FirmwareMap::known(MapKind::E820, ram.into_iter())?;
    if parameters.entries().count() < ZERO_PAGE_ENTRIES {
        return Some(map);
    }
    from_e820_log(evidence).or_else(|| from_firmware_memmap(evidence)).or_else(|| {
        unknown.push(Unknown::new(
            "the firmware's memory map above 128 entries",
            "the boot parameters are full, and neither the kernel log nor /sys/firmware/memmap shows the rest",
            "boot memory of the rest may be shown as hot-added",
        ));
        Some(map)
    })
}

/// The map is at the start of the log; if the beginning was overwritten, the log has no map, or only part of one that
/// must not be mistaken for the whole.
fn from_e820_log(evidence: &Evidence) -> Option<FirmwareMap> {
    let map = evidence.log.read()?.e820.as_ref()?;
    let ram = map.iter().filter(|entry| entry.kind == E820Type::Ram);
    FirmwareMap::known(MapKind::E820, ram.map(|entry| entry.range))
}

/// Splits the entries of /sys/firmware/memmap by their order: those appended before the kernel numbered the boot
/// entries, the boot entries, and those appended afterwards.
///
/// The kernel numbers the boot entries in one pass, by ascending address, when it creates the directory
/// (drivers/firmware/memmap.c:firmware_memmap_init, 6.12). An entry that breaks the ascending order was appended for
/// hot-added memory (firmware_map_add_hotplug): if it was appended before that pass, its number is lower than that of
/// the entry with the lowest address; if after, it follows an entry with a higher address.
pub(crate) fn of_boot(entries: &[FirmwareMapEntry]) -> Option<[&[FirmwareMapEntry]; 3]> {
    let first_of_boot = entries.iter().enumerate().min_by_key(|(_, entry)| entry.start)?.0;
    let (before, from_boot) = entries.split_at_checked(first_of_boot)?;
    let ascent = from_boot.windows(2).take_while(|pair| pair[0].start < pair[1].start).count();
    let (boot, after) = from_boot.split_at_checked(ascent.saturating_add(1))?;
    Some([before, boot, after])
}

fn from_firmware_memmap(evidence: &Evidence) -> Option<FirmwareMap> {
    let [before, boot, after] = of_boot(evidence.firmware_memmap.read()?)?;
    let ram = |entries: &[FirmwareMapEntry]| -> RangeSet {
        let ram = entries.iter().filter(|entry| entry.kind == "System RAM");
        ram.filter_map(|entry| PhysRange::from_inclusive(entry.start, entry.last).ok()).collect()
    };
    let appended = ram(before).iter().chain(ram(after).iter()).collect();
    Some(FirmwareMap {
        appended,
        may_hold_appended: true,
        ..FirmwareMap::known(MapKind::E820, ram(boot).iter())?
    })
}

fn from_efi_or_device_tree(
    evidence: &Evidence,
    command_line: &str,
    unknown: &mut Vec<Unknown>,
) -> Option<FirmwareMap> {
    if let Some(map) = from_efi_log(evidence, command_line) {
        return Some(map);
    }
    let bytes = evidence.device_tree.read()?;
    let tree = match firmware::fdt::Fdt::new(&bytes.0) {
        Ok(tree) => tree,
        Err(error) => {
            unknown.push(Unknown::new(
                "/sys/firmware/fdt",
                &format!("/sys/firmware/fdt: {error}"),
                "the device tree's memory nodes are not used",
            ));
            return None;
        }
    };
    // If /chosen has any trace of EFI, the kernel did not use the device tree's own memory nodes.
    if matches!(tree.chosen(), Ok(Some(chosen)) if !matches!(chosen.uefi_memory_map(), Ok(None))) {
        unknown.push(Unknown {
            what: "the EFI memory map".into(),
            why: "this machine booted by EFI, which shows its map only in the log of a kernel booted with efi=debug".into(),
            effect: "which memory was there at boot is told from the log's early node ranges, or else from the shape of /proc/iomem".into(),
            remedy: Some("boot once with efi=debug".into()),
        });
        return Some(FirmwareMap { kind: Some(MapKind::Efi), ..FirmwareMap::default() });
    }
    let memory = tree.memory().ok()?.filter_map(Result::ok).filter(|memory| memory.enabled);
    FirmwareMap::known(MapKind::DeviceTree, memory.map(|memory| memory.range))
}

fn from_efi_log(evidence: &Evidence, command_line: &str) -> Option<FirmwareMap> {
    let efi = evidence.log.read().map(|log| &log.efi).filter(|efi| efi.has_map_heading)?;
    let keeps_special_purpose =
        command_line::values(command_line, "efi").any(|v| v.split(',').any(|word| word == "nosoftreserve"));
    let ram = efi.map.iter().filter(|entry| {
        let special = entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE);
        is_ram(entry.kind) && (keeps_special_purpose || !special)
    });
    FirmwareMap::known(MapKind::Efi, ram.map(|entry| entry.range))
}

/// The types a kernel uses as RAM after boot services end (drivers/firmware/efi/efi-init.c:is_usable_memory, 6.12).
pub(crate) fn is_ram(kind: MemoryType) -> bool {
    matches!(
        kind,
        MemoryType::LOADER_CODE
            | MemoryType::LOADER_DATA
            | MemoryType::BOOT_SERVICES_CODE
            | MemoryType::BOOT_SERVICES_DATA
            | MemoryType::CONVENTIONAL
            | MemoryType::ACPI_RECLAIM
            | MemoryType::PERSISTENT_MEMORY
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::{Snapshot, Source};

    fn memmap(entries: &[(u64, u64, &str)]) -> FirmwareMap {
        let entry = |(index, &(start, last, kind)): (usize, &(u64, u64, &str))| FirmwareMapEntry {
            index: u32::try_from(index).unwrap(),
            start,
            last,
            kind: kind.to_owned(),
        };
        let firmware_memmap = Source::Read(entries.iter().enumerate().map(entry).collect());
        FirmwareMap::of(&Snapshot { firmware_memmap, ..Snapshot::default() }.into(), "", &mut Vec::new())
    }

    fn r(start: u64, last: u64) -> PhysRange {
        PhysRange::from_inclusive(start, last).unwrap()
    }

    const RAM: &str = "System RAM";

    #[test]
    fn a_dimm_plugged_before_numbering_precedes_the_lowest_address() {
        let map =
            memmap(&[(1 << 32, (1 << 32) + 0xffff, RAM), (0, 0x9fbff, RAM), (0x10_0000, 0x7fff_ffff, RAM)]);
        assert_eq!(map.appended.iter().collect::<Vec<_>>(), [r(1 << 32, (1 << 32) + 0xffff)]);
        assert_eq!(map.ram.unwrap().iter().count(), 2);
    }

    #[test]
    fn a_dimm_added_later_follows_an_entry_with_a_higher_address() {
        let map = memmap(&[
            (0, 0x9fbff, RAM),
            (0xfd_0000_0000, 0xff_ffff_ffff, "Reserved"),
            (1 << 32, 0x1_0000_ffff, RAM),
        ]);
        assert_eq!(map.appended.iter().collect::<Vec<_>>(), [r(1 << 32, 0x1_0000_ffff)]);
    }

    /// A zero page with these RAM entries.
    fn boot_params(entries: &[(u64, u64)]) -> Source<evidence::snapshot::Bytes> {
        let mut page = vec![0; 4096];
        page[0x1e8] = u8::try_from(entries.len()).unwrap();
        page[0x202..0x206].copy_from_slice(b"HdrS");
        for (index, (start, size)) in entries.iter().enumerate() {
            let at = 0x2d0 + 20 * index;
            page[at..at + 8].copy_from_slice(&start.to_le_bytes());
            page[at + 8..at + 16].copy_from_slice(&size.to_le_bytes());
            page[at + 16] = 1;
        }
        Source::Read(evidence::snapshot::Bytes(page))
    }

    #[test]
    fn only_an_empty_entry_is_dropped() {
        let boot_params = boot_params(&[(0, 0x1000), (0x5000, 0), (0x10_0000, 0x1000)]);
        let mut unknown = Vec::new();
        let map = FirmwareMap::of(&Snapshot { boot_params, ..Snapshot::default() }.into(), "", &mut unknown);
        assert_eq!(map.ram.unwrap().iter().count(), 2);
        assert_eq!(unknown, []);
    }

    #[test]
    fn full_boot_parameters_do_not_count_as_the_whole_map() {
        let entries: Vec<_> = (0..128).map(|i| (i << 20, 0x1000)).collect();
        let mut snapshot = Snapshot { boot_params: boot_params(&entries), ..Snapshot::default() };
        let mut unknown = Vec::new();
        assert_eq!(FirmwareMap::of(&(&snapshot).into(), "", &mut unknown).ram.unwrap().iter().count(), 128);
        assert_eq!(unknown.len(), 1, "{unknown:?}");

        let log = "BIOS-provided physical RAM map:\nBIOS-e820: [mem 0x100000000-0x13fffffff] usable\n";
        snapshot.kernel_log = Source::Read(log.into());
        let from_log = FirmwareMap::of(&(&snapshot).into(), "", &mut unknown).ram.unwrap();
        assert_eq!(from_log.iter().map(PhysRange::start).collect::<Vec<_>>(), [1 << 32]);
        assert_eq!(unknown.len(), 1);

        let extended = "extended physical RAM map:\n\
                        extended: [mem 0x100000000-0x13fffffff] usable\n\
                        extended: [mem 0x180000000-0x1bfffffff] usable\n";
        snapshot.kernel_log = Source::Read(format!("{log}{extended}"));
        let from_log = FirmwareMap::of(&(&snapshot).into(), "", &mut unknown).ram.unwrap();
        assert_eq!(from_log.iter().map(PhysRange::start).collect::<Vec<_>>(), [1 << 32, 6 << 30]);
    }

    #[test]
    fn a_log_without_its_beginning_does_not_count_as_the_map() {
        let log = " BIOS-e820: [mem 0x0000000000100000-0x000000007ffdefff] usable\n";
        let snapshot = Snapshot { kernel_log: Source::Read(log.into()), ..Snapshot::default() };
        let mut unknown = Vec::new();
        assert_eq!(FirmwareMap::of(&(&snapshot).into(), "", &mut unknown).ram, None);
        assert!(unknown.iter().any(|u| u.what.contains("memory map")));
    }

    #[test]
    fn special_purpose_memory_is_ram_only_with_nosoftreserve() {
        let log = "efi: Processing EFI memory map:\n\
                   efi:   0x000080000000-0x00009fffffff [Conventional|   |  |  |  |SP|  |  |  |  |  |   |WB|  |  |  ]\n\
                   efi:   0x0000a0000000-0x0000bfffffff [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]\n";
        let snapshot = Snapshot { kernel_log: Source::Read(log.into()), ..Snapshot::default() };
        let bytes = |command_line: &str| {
            let ram = FirmwareMap::of(&(&snapshot).into(), command_line, &mut Vec::new()).ram.unwrap();
            ram.iter().map(PhysRange::size).sum::<u64>()
        };
        assert_eq!(bytes("efi=debug"), 0x2000_0000);
        assert_eq!(bytes("efi=debug,nosoftreserve"), 0x4000_0000);
    }
}
