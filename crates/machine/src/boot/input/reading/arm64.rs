//! The boot input of an arm64 machine.

use firmware::efi::{Entry, MemoryAttribute, MemoryType};
use firmware::fdt::Fdt;
use firmware::iort::Iort;
use firmware::log::{MemblockCallKind, MemblockList};
use memblock::PhysRange;

use crate::arch::Architecture;
use crate::boot::input::reading::{InputError, Reading, stub};
use crate::boot::input::{Arm64Platform, BootInput, EfiHandOver, Platform};
use evidence::Release;
use evidence::Source;
use evidence::snapshot::Bytes;

/// Where a boot loader places a kernel if RAM starts at 1 GiB, with the size of Debian's 6.12.
const IMAGE: (u64, u64) = (0x4020_0000, 0x42d3_0000);

impl Reading<'_> {
    pub(crate) fn with_boot_firmware(
        mut self,
        architecture: Architecture,
        release: Release,
    ) -> Result<BootInput, InputError> {
        let bytes = self.device_tree()?;
        let has_tree = self.evidence.device_tree.read().is_some();
        let tree = Fdt::new(&bytes.0).map_err(|fault| no_tree(&fault.to_string()))?;
        let by_default = PhysRange::new(IMAGE.0, IMAGE.1).map_err(|e| InputError::NoMap(e.to_string()))?;
        let kernel_image = self.kernel_image(by_default);
        let efi = if has_tree { self.efi(&tree)? } else { self.memory_of_log()? };
        let initrd = self.initrd(&tree, efi.is_some());
        let platform = Arm64Platform {
            device_tree_at: self.device_tree_at(&tree),
            efi,
            has_acpi: self.log.boot.reads_acpi
                || !self.evidence.acpi_tables.is_empty()
                || !self.log.srat.is_empty(),
            acpi_upgrade: self.log.boot.acpi_upgrade,
            iort_limit: self.iort_limit(),
            kernel_text: self.kernel_text(kernel_image),
            device_tree: bytes,
        };
        Ok(self.finish(release, architecture, Platform::Arm64(platform), kernel_image, initrd))
    }

    /// The device tree; without one, an empty one if the log shows memory in another way.
    fn device_tree(&self) -> Result<Bytes, InputError> {
        let shows_memory = !self.log.efi.map.is_empty() || !self.log.early_node_ranges.is_empty();
        match &self.evidence.device_tree {
            Source::Read(bytes) => Ok(bytes.clone()),
            _ if shows_memory => Ok(Bytes(stub::tree())),
            Source::Missing => Err(no_tree("it is not there")),
            Source::Unreadable { why, .. } => Err(no_tree(why)),
        }
    }

    /// The reserved region with exactly the tree's size: nothing shows where the boot loader put the tree.
    fn device_tree_at(&mut self, tree: &Fdt<'_>) -> Option<PhysRange> {
        let size = u64::try_from(tree.total_size()).ok()?;
        let logged = self.log.memblock.regions.iter();
        let mut reserved: Vec<PhysRange> = logged
            .filter(|region| region.list == MemblockList::Reserved)
            .map(|region| region.range)
            .collect();
        let shown = self.evidence.memblock_reserved.read().and_then(|table| table.whole());
        reserved.extend(shown.into_iter().flatten().map(|region| region.range));
        let found = reserved.iter().find(|range| range.size() == size).copied();
        match found {
            Some(range) => self.seed(
                "where the device tree lies",
                &format!("nothing hands it down: it is the reserved region of its size: {range}"),
            ),
            None => self.assume(
                "where the device tree lies",
                "no reserved region has its size",
                "it is taken not to be reserved",
            ),
        }
        found
    }

    /// What the log shows of memory if there is no device tree: EFI's map, or else what the kernel made of it or of the
    /// tree.
    fn memory_of_log(&mut self) -> Result<Option<EfiHandOver>, InputError> {
        let what = "what the device tree says beside memory";
        let effect = "reserved memory, how far devices reach and CMA areas of the tree are left out: zones, and a crash \
                      kernel, may lie elsewhere";
        self.assume(what, "/sys/firmware/fdt is not there", effect);
        let mut map = self.log.efi.map.clone();
        if map.is_empty() {
            let memory = |range| Entry {
                range,
                kind: MemoryType::CONVENTIONAL,
                attributes: MemoryAttribute::WRITE_BACK,
            };
            map = self.log.early_node_ranges.iter().map(|early| memory(early.range)).collect();
            self.assume(
                "the firmware's memory map",
                "the log has neither EFI's map, which efi=debug prints, nor is there a device tree",
                "taken from the lines below `Early memory node ranges`: memory itself is then not predicted, and which \
                 parts are unmapped is not known",
            );
        }
        Ok(Some(EfiHandOver { map, tables: Vec::new() }))
    }

    /// With EFI, memory comes from EFI's map, which a kernel shows only in its log.
    fn efi(&mut self, tree: &Fdt<'_>) -> Result<Option<EfiHandOver>, InputError> {
        let chosen = tree.chosen().ok().flatten();
        if chosen.and_then(|chosen| chosen.uefi_memory_map().ok().flatten()).is_none() {
            return Ok(None);
        }
        let map = self.log.efi.map.clone();
        if map.is_empty() {
            return self.efi_of_iomem().map(Some).ok_or_else(|| {
                InputError::NoMap(
                    "the machine booted by EFI; neither its log, of a boot with efi=debug, nor /proc/iomem shows memory".into(),
                )
            });
        }
        let early = self.log.memblock.calls.iter().take_while(|call| !call.is_by("arm64_memblock_init"));
        let tables: Vec<PhysRange> = early
            .filter(|call| call.kind == MemblockCallKind::Reserve)
            .filter(|call| !call.is_by("reserve_regions") && !call.is_by("efi_init"))
            .map(|call| call.range)
            .collect();
        if !tables.is_empty() {
            self.seed(
                "what EFI's tables take",
                "the firmware put them there, and only the log of memblock=debug shows their sizes",
            );
        } else if ["MEMATTR", "MEMRESERVE"].iter().any(|name| self.log.efi.table(name).is_some()) {
            self.assume(
                "what EFI's tables take",
                "the log was not made with memblock=debug",
                "they are taken not to be reserved: early allocations may lie elsewhere",
            );
        }
        Ok(Some(EfiHandOver { map, tables }))
    }

    /// From `/chosen`; the EFI stub passes it in an EFI table instead, and then the log shows it.
    fn initrd(&mut self, tree: &Fdt<'_>, is_efi: bool) -> Option<PhysRange> {
        let chosen = tree.chosen().ok().flatten();
        if let Some(range) = chosen.and_then(|chosen| chosen.initrd().ok().flatten()) {
            return Some(range);
        }
        if !is_efi {
            return None;
        }
        let log = self.log;
        let of_init = || log.memblock.calls.iter().filter(|call| call.is_by("arm64_memblock_init"));
        // The ramdisk is added and reserved as the same range; the image is only reserved, or only added for mem=.
        let added = |range: PhysRange| {
            of_init().any(|call| call.kind == MemblockCallKind::Add && call.range == range)
        };
        let found = of_init()
            .filter(|call| call.kind == MemblockCallKind::Reserve)
            .map(|call| call.range)
            .find(|range| added(*range) && self.is_no_image(*range));
        if let Some(range) = found {
            self.seed(
                "where the initial ramdisk lies",
                &format!("a table of EFI's says it, and only the log of memblock=debug shows it: {range}"),
            );
            return found;
        }
        let found = self.initrd_of_iomem();
        if let Some(range) = found {
            self.seed(
                "where the initial ramdisk lies",
                &format!("a table of EFI's says it; it is the reserved range as large as what the kernel freed of it: {range}"),
            );
        } else {
            self.assume(
                "where the initial ramdisk lies",
                "a table of EFI's says it, and nothing shows it",
                "taken as not there",
            );
        }
        found
    }

    fn is_no_image(&self, range: PhysRange) -> bool {
        let parts = self.tree.into_iter().flat_map(|tree| tree.resources().iter());
        !parts
            .filter(|resource| resource.name == "Kernel code")
            .filter_map(|resource| resource.range().ok())
            .any(|code| code.overlaps(range))
    }

    /// The image's code up to its init section, from /proc/iomem.
    fn kernel_text(&self, image: PhysRange) -> PhysRange {
        let parts = self.tree.into_iter().flat_map(|tree| tree.resources().iter());
        let mut code = parts.filter(|resource| resource.name == "Kernel code");
        code.find_map(|resource| resource.range().ok().filter(|range| range.start() > 0)).unwrap_or(image)
    }

    fn iort_limit(&mut self) -> Option<u64> {
        match Iort::new(self.evidence.acpi_table("IORT")?) {
            Ok(table) => table.last_address(),
            Err(error) => {
                let why = format!("/sys/firmware/acpi/tables/IORT: {error}");
                self.assume("how far devices reach", &why, "taken as everywhere");
                None
            }
        }
    }
}

fn no_tree(why: &str) -> InputError {
    InputError::NoMap(format!("/sys/firmware/fdt: {why}"))
}
