//! The EFI map of an arm64 machine whose log does not show it, reconstructed from /proc/iomem.
//!
//! A kernel shows the map only with `efi=debug`, which machines usually do not boot with. The result is visible in
//! /proc/iomem: memory ranges, unmapped parts, and ranges kept for drivers. A prediction based on this says nothing new
//! about memory itself, but does predict everything that follows.

use firmware::efi::{Entry, MemoryAttribute, MemoryType};
use memblock::PhysRange;

use crate::boot::input::EfiHandOver;
use crate::boot::input::reading::Reading;
use evidence::resources::Resource;

const PAGE: u64 = 4096;

impl Reading<'_> {
    /// The EFI input, as far as /proc/iomem, the reserved regions and the log show it; `None` if there is no memory.
    pub(crate) fn efi_of_iomem(&mut self) -> Option<EfiHandOver> {
        let log = self.log;
        let at = |name: &str| log.efi.table(name);
        let acpi = at("ACPI 2.0").or(log.boot.rsdp).or_else(|| at("ACPI"));
        let resources = self.tree?.resources();
        let top = resources.iter().filter(|resource| resource.depth == 0);
        let mut map: Vec<Entry> = top.filter_map(|resource| self.entry_of(resource)).collect();
        let is_memory = |entry: &Entry| entry.kind == MemoryType::CONVENTIONAL;
        if !map.iter().any(is_memory) {
            return None;
        }
        let tables = resources
            .iter()
            .filter(|child| child.depth == 1 && child.name == "reserved")
            .filter_map(|child| child.range().ok())
            .find(|range| acpi.is_some_and(|at| range.contains(at)));
        map.extend(tables.map(|range| Entry {
            range,
            kind: MemoryType::ACPI_RECLAIM,
            attributes: MemoryAttribute::WRITE_BACK,
        }));
        let reserved = self.evidence.memblock_reserved.read().map_or(&[][..], |table| &table.regions);
        let met = ["MEMATTR", "MEMRESERVE", "ESRT", "TPMEventLog", "RNG"];
        let tables = met.iter().filter_map(|name| {
            let start = at(name)?;
            reserved.iter().map(|region| region.range).find(|range| range.start() == start)
        });
        let tables = tables.collect();
        self.assume(
            "the EFI memory map",
            "a kernel shows it only in its log, when booted with efi=debug",
            "taken from what /proc/iomem shows the kernel made of it: memory itself is then not predicted",
        );
        Some(EfiHandOver { map, tables })
    }

    /// The EFI map entry that a top-level resource came from.
    fn entry_of(&self, resource: &Resource) -> Option<Entry> {
        // Without privilege all addresses read as 0.
        let range = resource.range().ok().filter(|range| range.size() >= PAGE)?;
        let mut entry =
            Entry { range, kind: MemoryType::CONVENTIONAL, attributes: MemoryAttribute::WRITE_BACK };
        match &*resource.name {
            "System RAM" => {}
            // The copy of the ramdisk's ACPI tables: RAM until the kernel allocated it.
            "reserved" if self.is_upgrade(range) => {}
            "reserved" => entry.kind = MemoryType::RUNTIME_SERVICES_DATA,
            "Soft Reserved" => entry.attributes |= MemoryAttribute::SPECIAL_PURPOSE,
            _ => return None,
        }
        Some(entry)
    }

    fn is_upgrade(&self, range: PhysRange) -> bool {
        self.log.boot.acpi_upgrade.and_then(|bytes| bytes.checked_next_multiple_of(PAGE))
            == Some(range.size())
    }

    /// The ramdisk: the reservation whose size matches what the kernel says it freed. A partial last page is reserved
    /// too, but not freed.
    pub(crate) fn initrd_of_iomem(&self) -> Option<PhysRange> {
        let freed = self.log.boot.freed_initrd?;
        let sizes = [freed, freed.checked_add(PAGE)?];
        let children = self.tree?.resources().iter().filter(|resource| resource.name == "reserved");
        children.filter_map(|child| child.range().ok()).find(|range| sizes.contains(&range.size()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::{BootInput, InputError, Platform};
    use evidence::snapshot::Bytes;
    use evidence::{Snapshot, Source};

    const IOMEM: &str = "\
04000000-07ffffff : reserved
40000000-5c43ffff : System RAM
  41000000-41191fff : reserved
  5c430000-5c43ffff : reserved
5c440000-5c72ffff : reserved
5c730000-7fff8fff : System RAM
7fff9000-7fff9fff : reserved
7fffa000-7fffffff : System RAM
80000000-9fffffff : Soft Reserved
";
    const LOG: &str = "\
efi: SMBIOS 3.0=0x5fed0000 MEMATTR=0x5d7ec198 ACPI 2.0=0x5c430018 MEMRESERVE=0x5b92ff98
ACPI: SRAT ACPI table found in initrd [kernel/firmware/acpi/SRAT.aml][0xf4]
Freeing initrd memory: 1604K
";

    fn snapshot(iomem: &str) -> Snapshot {
        let tree = include_bytes!("../../../../../firmware/tests/data/arm64-efi-mirror.fdt");
        let mut snapshot = Snapshot {
            architecture: Source::Read("aarch64".into()),
            iomem: Source::Read(iomem.into()),
            kernel_log: Source::Read(LOG.into()),
            device_tree: Source::Read(Bytes(tree.to_vec())),
            ..Snapshot::default()
        };
        snapshot.memblock.reserved =
            Source::Read("   0: 0x000000005d7ec198..0x000000005d7ec597    0 NONE\n".into());
        snapshot
    }

    fn hand_over(iomem: &str) -> EfiHandOver {
        let input = BootInput::of(&snapshot(iomem).into()).unwrap();
        assert!(input.assumed.iter().any(|unknown| unknown.what == "the EFI memory map"));
        let Platform::Arm64(platform) = input.platform else { unreachable!() };
        platform.efi.unwrap()
    }

    #[test]
    fn each_range_is_traced_to_its_efi_type() {
        let efi = hand_over(IOMEM);
        let kinds: Vec<_> = efi.map.iter().map(|entry| (entry.range.start(), entry.kind)).collect();
        let (ram, firmware) = (MemoryType::CONVENTIONAL, MemoryType::RUNTIME_SERVICES_DATA);
        assert_eq!(
            kinds,
            [
                (0x400_0000, firmware),
                (0x4000_0000, ram),
                (0x5c44_0000, firmware),
                (0x5c73_0000, ram),
                (0x7fff_9000, ram),
                (0x7fff_a000, ram),
                (0x8000_0000, ram),
                (0x5c43_0000, MemoryType::ACPI_RECLAIM),
            ]
        );
        assert!(efi.map[6].attributes.contains(MemoryAttribute::SPECIAL_PURPOSE));
        assert_eq!(efi.tables, [PhysRange::new(0x5d7e_c198, 0x5d7e_c598).unwrap()]);
    }

    #[test]
    fn hidden_addresses_give_no_map() {
        let hidden = "00000000-00000000 : System RAM\n00000000-00000000 : reserved\n";
        for iomem in ["", hidden] {
            let error = BootInput::of(&snapshot(iomem).into()).unwrap_err();
            assert!(matches!(error, InputError::NoMap(_)), "{error}");
        }
    }
}
