//! The boot input of an x86 machine.

use firmware::e820::{BootParams, E820Type, Entry, ZERO_PAGE_ENTRIES};
use firmware::efi::{self, MemoryAttribute, MemoryType};
use firmware::log::MemblockList;
use memblock::{PhysRange, RegionFlags};

use crate::arch::Architecture;
use crate::boot::input::reading::{InputError, LOG, Reading};
use crate::boot::input::{BootInput, Platform, X86Platform};
use crate::now::firmware_map::of_boot;
use crate::releases::{Target, usual_image_end};
use evidence::snapshot::FirmwareMapEntry;
use evidence::{Release, Source};

/// Where a kernel lies without randomization (`CONFIG_PHYSICAL_START`), with the size of Debian's 6.12.
const IMAGE: (u64, u64) = (0x100_0000, 0x3c0_0000);

/// Where the addresses of a 32-bit kernel with PAE end.
const PAE_END: u64 = 64 << 30;

/// Bytes of a setup_data node with a random seed: header and 32 bytes (arch/x86/include/uapi/asm/setup_data.h, 6.12).
const RANDOM_SEED: u64 = 48;

impl Reading<'_> {
    pub(crate) fn with_e820(
        mut self,
        architecture: Architecture,
        release: Release,
    ) -> Result<BootInput, InputError> {
        let e820 = self.e820()?;
        let params = self.evidence.boot_params();
        let initrd = params.and_then(|params| params.ramdisk().ok().flatten()).or(self.log.boot.ramdisk);
        let end = usual_image_end(&Target::new(architecture, release.clone())).unwrap_or(IMAGE.1);
        let by_default = PhysRange::new(IMAGE.0, end).map_err(|e| InputError::NoMap(e.to_string()))?;
        let kernel_image = self.kernel_image(by_default);
        let is_efi = self.log.boot.is_efi || params.is_some_and(|params| params.efi_memory_map().is_some());
        let efi_map = self.efi_map();
        if is_efi && efi_map.is_empty() {
            self.assume(
                "the EFI memory map",
                "a kernel shows it only in its log, when booted with efi=debug",
                "what EFI's boot services hold is taken as free: early allocations may lie elsewhere",
            );
        }
        let brk = self.log.memblock.reserved_by("setup_arch").find(|brk| brk.start() == kernel_image.end());
        // The step that reserves the map is logged in any case.
        let reserves_map = || self.log.memblock.reserved_by("efi_memblock_x86_reserve_range").next();
        let efi_map_at = params.and_then(|params| params.efi_memory_map()).or_else(reserves_map);
        let narrow_end = (!architecture.facts().boots_to_zones).then(|| self.narrow_end());
        let platform = X86Platform {
            narrow_end,
            e820,
            efi_map,
            is_efi,
            efi_tables: self.log.memblock.reserved_by("efi_memattr_init").collect(),
            efi_map_at,
            setup_data: self.setup_data(kernel_image, initrd),
            acpi_tables: self.log.boot.acpi_tables.clone(),
            acpi_upgrade: self.log.boot.acpi_upgrade,
            brk,
        };
        for (is_seeded, what) in [
            (platform.brk.is_some(), "what the kernel took of the area after its image"),
            (!platform.setup_data.is_empty(), "what the boot loader attached as setup_data"),
            (!platform.acpi_tables.is_empty(), "where the ACPI tables lie"),
            (platform.acpi_upgrade.is_some(), "how large the initial ramdisk's ACPI tables are"),
            (!platform.efi_tables.is_empty(), "where EFI's tables lie"),
        ] {
            if is_seeded {
                self.seed(what, LOG);
            }
        }
        Ok(self.finish(release, architecture, Platform::X86(platform), kernel_image, initrd))
    }

    /// How far a 32-bit kernel addresses memory.
    fn narrow_end(&mut self) -> u64 {
        self.log.boot.narrow_end.unwrap_or_else(|| {
            self.assume(
                "how much memory the 32-bit kernel addresses",
                "the log does not show whether it has PAE",
                "taken as 64 GiB; without PAE it is 4 GiB",
            );
            PAE_END
        })
    }

    /// What the boot loader attached as `setup_data`: from the log's lines about it, which releases before 6.18 print;
    /// from the first dump of memblock, where only these are the kernel's besides its image and the initial ramdisk; or
    /// the first node, to which the zero page points.
    fn setup_data(&mut self, image: PhysRange, initrd: Option<PhysRange>) -> Vec<PhysRange> {
        if !self.log.boot.setup_data.is_empty() {
            return self.log.boot.setup_data.clone();
        }
        let mut dumped = self.log.memblock.first_dump(MemblockList::Reserved).peekable();
        if dumped.peek().is_some() {
            let is_known = |range: PhysRange| {
                range.overlaps(image) || initrd.is_some_and(|initrd| range.overlaps(initrd))
            };
            let nodes = dumped.filter(|region| region.flags.contains(RegionFlags::RSRV_KERN));
            return nodes.map(|region| region.range).filter(|range| !is_known(*range)).collect();
        }
        drop(dumped);
        let Some(first) = self.evidence.boot_params().and_then(|params| params.setup_data()) else {
            return Vec::new();
        };
        self.assume(
            "what the boot loader attached as setup_data",
            "boot_params shows where the first node lies, not how large it is and what follows",
            "taken as one random seed",
        );
        PhysRange::from_size(first, RANDOM_SEED).into_iter().collect()
    }

    /// The map in the zero page; if that is full or not available, the map in the log; otherwise the boot entries of
    /// /sys/firmware/memmap.
    fn e820(&mut self) -> Result<Vec<Entry>, InputError> {
        let page = self.zero_page();
        if let Some(entries) = page.as_ref().filter(|entries| entries.len() < ZERO_PAGE_ENTRIES) {
            return Ok(entries.clone());
        }
        if let Some(entries) = self.log.e820.as_ref().filter(|entries| !entries.is_empty()) {
            return Ok(entries.clone());
        }
        if let Some([_, boot, _]) = self.evidence.firmware_memmap.read().and_then(|all| of_boot(all)) {
            let entry = |entry: &FirmwareMapEntry| {
                let range = PhysRange::from_inclusive(entry.start, entry.last).ok()?;
                Some(Entry { range, kind: E820Type::from_name(&entry.kind).unwrap_or(E820Type::Reserved) })
            };
            return Ok(boot.iter().filter_map(entry).collect());
        }
        page.ok_or_else(|| {
            let others = "/sys/kernel/boot_params and /sys/firmware/memmap are missing";
            InputError::NoMap(format!("{others}, and {}", self.why_no_log()))
        })
    }

    fn zero_page(&mut self) -> Option<Vec<Entry>> {
        const FILE: &str = "/sys/kernel/boot_params/data";
        if let Source::Unreadable { why, .. } = &self.evidence.boot_params {
            self.assume(FILE, why, "the map is taken from elsewhere");
        }
        let bytes = self.evidence.boot_params.read()?;
        match BootParams::new(&bytes.0) {
            // The kernel also drops entries that are empty or wrap around.
            Ok(params) => {
                let entries: Vec<Entry> = params.entries().filter_map(Result::ok).collect();
                (!entries.is_empty()).then_some(entries)
            }
            Err(error) => {
                self.assume(FILE, &format!("{FILE}: {error}"), "the map is taken from elsewhere");
                None
            }
        }
    }

    /// The EFI memory map, if the kernel was booted with efi=debug; otherwise, with memblock=debug, the part of it that
    /// the kernel reserved: the boot services.
    fn efi_map(&self) -> Vec<efi::Entry> {
        if !self.log.efi.map.is_empty() {
            return self.log.efi.map.clone();
        }
        let services = self.log.memblock.reserved_by("efi_reserve_boot_services");
        services
            .map(|range| efi::Entry {
                range,
                kind: MemoryType::BOOT_SERVICES_DATA,
                attributes: MemoryAttribute::WRITE_BACK,
            })
            .collect()
    }
}
