//! What an x86 machine was booted with.

use firmware::e820::{BootParams, E820Type, Entry};
use firmware::efi::{self, MemoryAttribute, MemoryType};
use firmware::log::EfiMap;
use memblock::PhysRange;

use super::{InputError, LOG, Reading};
use crate::architecture::Architecture;
use crate::boot::input::{BootInput, Platform, X86Platform};
use crate::firmware_map::of_boot;
use crate::release::Release;
use crate::snapshot::FirmwareMapEntry;

/// As many entries as the zero page holds; where it is full, there may be more elsewhere.
const ZERO_PAGE_ENTRIES: usize = 128;

/// Where a kernel lies that is not randomised (`CONFIG_PHYSICAL_START`), as large as Debian's 6.12.
const IMAGE: (u64, u64) = (0x100_0000, 0x3c0_0000);

impl Reading<'_> {
    pub(super) fn x86(mut self, release: Release) -> Result<BootInput, InputError> {
        let e820 = self.e820()?;
        let params = self.snapshot.boot_params.read().and_then(|bytes| BootParams::new(&bytes.0).ok());
        let initrd = params.and_then(|params| params.ramdisk().ok().flatten()).or(self.log.ramdisk);
        let by_default = PhysRange::new(IMAGE.0, IMAGE.1).map_err(|e| InputError::NoMap(e.to_string()))?;
        let kernel_image = self.kernel_image(by_default);
        let is_efi = self.log.is_efi || params.is_some_and(|params| params.efi_memory_map().is_some());
        let efi_map = self.efi_map();
        if is_efi && efi_map.is_empty() {
            self.assume(
                "the EFI memory map",
                "a kernel shows it only in its log, when booted with efi=debug",
                "what EFI's boot services hold is taken as free: early allocations may lie elsewhere",
            );
        }
        let brk = self.reserved_by("setup_arch+").into_iter().find(|brk| brk.start() == kernel_image.end());
        let platform = X86Platform {
            e820,
            efi_map,
            is_efi,
            efi_tables: self.reserved_by("efi_memattr_init+"),
            efi_map_at: params.and_then(|params| params.efi_memory_map()),
            setup_data: self.log.setup_data.clone(),
            acpi_tables: self.log.acpi_tables.clone(),
            acpi_upgrade: self.log.acpi_upgrade,
            brk,
        };
        for (is_seeded, what) in [
            (platform.brk.is_some(), "what the kernel took of the area behind its image"),
            (!platform.setup_data.is_empty(), "what the boot loader attached as setup_data"),
            (!platform.acpi_tables.is_empty(), "where the ACPI tables lie"),
            (platform.acpi_upgrade.is_some(), "how large the initial ramdisk's ACPI tables are"),
            (!platform.efi_tables.is_empty(), "where EFI's tables lie"),
        ] {
            if is_seeded {
                self.seed(what, LOG);
            }
        }
        Ok(self.finish(release, Architecture::X86_64, Platform::X86(platform), kernel_image, initrd))
    }

    /// The map of the zero page; where that is full or not shown, the log's; else what /sys/firmware/memmap
    /// had when its entries were numbered.
    fn e820(&mut self) -> Result<Vec<Entry>, InputError> {
        let page = self.zero_page();
        if let Some(entries) = page.as_ref().filter(|entries| entries.len() < ZERO_PAGE_ENTRIES) {
            return Ok(entries.clone());
        }
        let log = self.snapshot.kernel_log.read().map_or("", String::as_str);
        if log.contains("BIOS-provided physical RAM map:") {
            let entries: Vec<Entry> = firmware::log::e820_of_firmware(log.as_bytes()).collect();
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        if let Some([_, boot, _]) = self.snapshot.firmware_memmap.read().and_then(|all| of_boot(all)) {
            let entry = |entry: &FirmwareMapEntry| {
                let range = PhysRange::from_inclusive(entry.start, entry.last).ok()?;
                Some(Entry { range, kind: kind(&entry.kind) })
            };
            return Ok(boot.iter().filter_map(entry).collect());
        }
        page.ok_or_else(|| {
            InputError::NoMap(
                "/sys/kernel/boot_params, the kernel log and /sys/firmware/memmap lack it".into(),
            )
        })
    }

    fn zero_page(&mut self) -> Option<Vec<Entry>> {
        const FILE: &str = "/sys/kernel/boot_params/data";
        let bytes = self.snapshot.boot_params.read()?;
        match BootParams::new(&bytes.0) {
            // The kernel drops an entry without a byte, or that wraps, too.
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

    /// The EFI memory map, of a kernel that was booted with efi=debug; or else, of one booted with
    /// memblock=debug, what of it the kernel reserved: the boot services.
    fn efi_map(&self) -> Vec<efi::Entry> {
        let log = self.snapshot.kernel_log.read().map_or("", String::as_str);
        let lines = firmware::log::efi(log.as_bytes()).filter_map(Result::ok);
        let map: Vec<_> = lines.filter(|line| line.map == EfiMap::Firmware).map(|line| line.entry).collect();
        if !map.is_empty() {
            return map;
        }
        let services = self.reserved_by("efi_reserve_boot_services+").into_iter();
        services
            .map(|range| efi::Entry {
                range,
                kind: MemoryType::BOOT_SERVICES_DATA,
                attributes: MemoryAttribute::WRITE_BACK,
            })
            .collect()
    }
}

/// The type of an entry, from the words of /sys/firmware/memmap (arch/x86/kernel/e820.c:e820_type_to_string,
/// 6.12).
fn kind(words: &str) -> E820Type {
    match words {
        "System RAM" => E820Type::Ram,
        "ACPI Tables" => E820Type::Acpi,
        "ACPI Non-volatile Storage" => E820Type::Nvs,
        "Unusable memory" => E820Type::Unusable,
        "Persistent Memory" => E820Type::Pmem,
        "Persistent Memory (legacy)" => E820Type::Pram,
        "Soft Reserved" => E820Type::SoftReserved,
        _ => E820Type::Reserved,
    }
}
