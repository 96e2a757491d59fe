//! The state of the running kernel that a kexec load would find.

use evidence::log::{LoadLog, Purpose};
use evidence::snapshot::FirmwareMapEntry;
use evidence::{Configuration, Evidence, MemblockTable};
use firmware::e820::{E820Type, Entry};
use firmware::efi;
use memblock::{PhysRange, Region, RegionFlags, ranges};

use crate::boot::input::BootInput;
use crate::now::contiguous::ContiguousArea;
use crate::now::efi_runtime::EfiRuntime;
use crate::now::kho::Kho;
use crate::releases::KexecTools;

/// The state of the running kernel that a kexec load would find.
///
/// A fact that is `None` was not available. A plan that needs it fails with the error named in its doc, or assumes what
/// the doc says. Addresses and sizes are in bytes, ranges are half-open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelState {
    /// The firmware's e820 map, sanitized, before the command line edited it; empty if there is none, as on arm64.
    /// Without it, kexec_file_load has no plan for a reboot on x86 (`PlanError::NoMap`).
    pub firmware_map: Option<Vec<Entry>>,
    /// The current content of /sys/firmware/memmap, including added DIMMs, in the kernel's order. Without it,
    /// kexec_load has no plan for a reboot on x86 (`PlanError::NoFirmwareMap`).
    pub firmware_map_now: Option<Vec<Entry>>,
    /// The address of ACPI's root pointer, from the boot parameters. Also `None` after an EFI boot, which does not put
    /// it there: kexec_load then passes no `acpi_rsdp=` to a crash kernel.
    pub acpi_rsdp: Option<u64>,
    /// The same address according to EFI: `ACPI 2.0=` in the log line about EFI tables. Without it, a crash kernel
    /// loaded as ELF gets no `acpi_rsdp=` after an EFI boot.
    pub acpi_rsdp_of_efi: Option<u64>,
    /// memblock's memory minus reserved, without NOMAP, ascending. Without it, kexec_file_load has no plan if it walks
    /// memblock (`PlanError::NoMemblock`).
    pub free_in_memblock: Option<Vec<PhysRange>>,
    /// memblock's memory, without NOMAP, ascending, with the regions unmerged: what kexec_file_load dumps on arm64.
    /// Without it there is no crash plan there (`PlanError::NoMemblock`).
    pub mapped_in_memblock: Option<Vec<PhysRange>>,
    /// The boot device tree, `/sys/firmware/fdt`. Without it, plans on arm64 use `loaded_device_trees`.
    pub device_tree: Option<Vec<u8>>,
    /// Sizes of the device trees from earlier loads in bytes, used by plans if the boot device tree is not available.
    pub loaded_device_trees: LoadedDeviceTrees,
    /// EFI's memory map, in the firmware's order; the log shows it only after a boot with `efi=debug`. Without it, the
    /// next kernel's memory on arm64 with EFI is what the rules say.
    pub efi_map: Option<Vec<efi::Entry>>,
    /// Whether the kernel has random numbers to seed the next kernel with, on arm64. Assumed true if unknown.
    pub has_random_numbers: Option<bool>,
    /// The bytes of program headers a crash header has room for, `/sys/kernel/crash_elfcorehdr_size`; `None` if the
    /// kernel does not keep the header up to date itself.
    pub crash_elfcorehdr_size: Option<u64>,
    /// Kexec handover.
    pub kho: Kho,
    /// Entries in the list of its scratch areas, with those that the kernel could not allocate; as many as
    /// [`kho`](Self::kho) has if `None`.
    pub handover_listed: Option<u64>,
    /// The version of kexec-tools that the machine has.
    pub kexec_tools: Option<KexecTools>,
    /// The default contiguous area, where kexec_file_load tries to place first (6.17).
    pub contiguous: Option<ContiguousArea>,
    /// The areas of `crashkernel=,cma`, ascending: told to a crash kernel as RAM, and left out of its dump (6.17).
    pub crash_cma: Vec<PhysRange>,
    /// The number of possible CPUs; each has a note in the crash header. Without it, a crash plan assumes one.
    pub possible_cpus: Option<u64>,
    /// EFI's runtime map, which is passed on. `None` if there may be one but nothing shows it: a plan then reserves no
    /// room for it.
    pub efi_runtime: Option<EfiRuntime>,
    /// What the kernel is configured to pass on; the default if its configuration is not available.
    pub configured: Configured,
    /// The number of page table levels, if the log shows how far addresses reach (x86).
    pub page_table_levels: Option<u8>,
}

impl KernelState {
    /// Reads each fact from the source that shows it.
    pub(crate) fn of(evidence: &Evidence, boot: Option<&BootInput>) -> Self {
        let log = evidence.log.read();
        let loads = log.map(|log| &log.loads);
        let of_load = || loads?.records.iter().find_map(|load| load.possible_cpus);
        let mapped = evidence.memblock_memory.read().and_then(mapped);
        Self {
            firmware_map: boot.map(BootInput::e820_of_firmware),
            firmware_map_now: evidence.firmware_memmap.read().map(|entries| typed(entries)),
            acpi_rsdp: evidence.boot_params().and_then(|params| params.acpi_rsdp()),
            acpi_rsdp_of_efi: log.and_then(|log| log.efi.table("ACPI 2.0")),
            free_in_memblock: mapped.as_deref().and_then(|mapped| free(mapped, evidence)),
            mapped_in_memblock: mapped.map(|regions| regions.iter().map(|region| region.range).collect()),
            device_tree: evidence.device_tree.read().map(|bytes| bytes.0.clone()),
            efi_map: log.map(|log| log.efi.map.clone()).filter(|map| !map.is_empty()),
            has_random_numbers: log.and_then(|log| log.has_random_numbers),
            crash_elfcorehdr_size: evidence.kexec.crash_elfcorehdr_size.read().copied(),
            kho: Kho::of(evidence, boot),
            handover_listed: evidence.handover_listed,
            kexec_tools: evidence.kexec_tools.read().and_then(|version| version.parse().ok()),
            contiguous: ContiguousArea::of(evidence),
            crash_cma: crash_cma(evidence),
            efi_runtime: EfiRuntime::of(evidence, boot),
            page_table_levels: boot
                .filter(|_| log.is_some_and(|log| log.boot.max_arch_pfn.is_some()))
                .map(|boot| boot.build.page_table_levels),
            configured: evidence.configuration.read().map(Configured::of).unwrap_or_default(),
            possible_cpus: evidence
                .possible_cpus
                .read()
                .copied()
                .or_else(|| log.and_then(|log| log.possible_cpus))
                .or_else(of_load),
            loaded_device_trees: loads.map(LoadedDeviceTrees::of).unwrap_or_default(),
        }
    }
}

/// The areas of `crashkernel=,cma`: from sysfs, or else from the log.
pub(crate) fn crash_cma(evidence: &Evidence) -> Vec<PhysRange> {
    let of_log = || evidence.log.read().map(|log| log.boot.crash_cma.clone());
    evidence.kexec.crash_cma_ranges.read().cloned().or_else(of_log).unwrap_or_default()
}

/// Sizes in bytes of the device trees that the last loads passed on, according to the kernel log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadedDeviceTrees {
    /// For a kernel started by a reboot.
    pub reboot: Option<u64>,
    /// For a crash kernel.
    pub crash: Option<u64>,
}

impl LoadedDeviceTrees {
    fn of(log: &LoadLog) -> Self {
        let of = |purpose| {
            let segments = &log.last(purpose)?.segments;
            Some(segments.iter().find(|segment| segment.holds.as_deref() == Some("dtb"))?.loaded)
        };
        Self { reboot: of(Purpose::Reboot), crash: of(Purpose::Crash) }
    }

    /// The size in the last load for this purpose.
    pub const fn size(self, purpose: Purpose) -> Option<u64> {
        match purpose {
            Purpose::Reboot => self.reboot,
            Purpose::Crash => self.crash,
        }
    }
}

/// What a kernel is configured to pass to the next kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Measurements of the integrity subsystem: CONFIG_IMA_KEXEC.
    pub measurements: bool,
    /// Preserved state: CONFIG_KEXEC_HANDOVER (6.16 and later), whether or not KHO is enabled.
    pub handover: bool,
}

impl Configured {
    fn of(config: &Configuration) -> Self {
        Self { measurements: config.has("IMA_KEXEC"), handover: config.has("KEXEC_HANDOVER") }
    }

    /// Bytes of setup_data that locate it, on x86: a header of 16 bytes each, plus 16 bytes for `ima_setup_data` and 32
    /// for `kho_data` (arch/x86/include/uapi/asm/setup_data.h, 6.16).
    pub const fn setup_data(self) -> u64 {
        (if self.measurements { 32 } else { 0 }) + (if self.handover { 48 } else { 0 })
    }
}

/// The entries of /sys/firmware/memmap with their types, in the kernel's order.
fn typed(entries: &[FirmwareMapEntry]) -> Vec<Entry> {
    let entry = |entry: &FirmwareMapEntry| {
        let range = PhysRange::from_inclusive(entry.start, entry.last).ok()?;
        Some(Entry { range, kind: E820Type::from_name(&entry.kind).unwrap_or(E820Type::Reserved) })
    };
    entries.iter().filter_map(entry).collect()
}

/// The regions that are in the kernel's direct map.
fn mapped(table: &MemblockTable) -> Option<Vec<Region>> {
    let is_mapped = |region: &&Region| !region.flags.contains(RegionFlags::NOMAP);
    Some(table.whole()?.iter().filter(is_mapped).copied().collect())
}

/// Mapped and not reserved memory: what kexec's memory walk sees before the rules apply.
fn free(mapped: &[Region], evidence: &Evidence) -> Option<Vec<PhysRange>> {
    let reserved = evidence.memblock_reserved.read()?.whole()?;
    let free = ranges::difference(mapped.iter().copied(), reserved.iter().copied());
    Some(free.map(|region| region.range).collect())
}

#[cfg(test)]
mod tests {
    use evidence::snapshot::MemblockFiles;
    use evidence::{Snapshot, Source};

    use super::*;

    fn of(snapshot: Snapshot) -> KernelState {
        KernelState::of(&snapshot.into(), None)
    }

    #[test]
    fn free_memory_is_neither_reserved_nor_nomap() {
        let memory = "   0: 0x0000000000000000..0x0000000000007fff    0 NONE\n   \
                      1: 0x0000000000008000..0x000000000000bfff    0 NOMAP\n";
        let reserved = "   0: 0x0000000000001000..0x0000000000001fff    0 NONE\n";
        let memblock = MemblockFiles {
            memory: Source::Read(memory.into()),
            reserved: Source::Read(reserved.into()),
            ..MemblockFiles::default()
        };
        let r = |start, end| PhysRange::new(start, end).unwrap();
        let state = of(Snapshot { memblock, ..Snapshot::default() });
        assert_eq!(state.free_in_memblock, Some(vec![r(0, 0x1000), r(0x2000, 0x8000)]));
        assert_eq!(state.mapped_in_memblock, Some(vec![r(0, 0x8000)]));
        assert_eq!(of(Snapshot::default()).free_in_memblock, None);
    }

    #[test]
    fn the_configuration_decides_what_is_passed_on() {
        let of = |config: &str| Configured::of(&Configuration::parse(config));
        let debian = "CONFIG_HAVE_IMA_KEXEC=y\n# CONFIG_IMA_KEXEC is not set\nCONFIG_KEXEC_HANDOVER=y\n";
        assert_eq!(of(debian), Configured { measurements: false, handover: true });
        assert_eq!(of(debian).setup_data(), 48);
        assert_eq!(of("CONFIG_IMA_KEXEC=y\n").setup_data(), 32);
    }

    #[test]
    fn cpus_are_counted_by_sysfs_then_the_log_then_a_load() {
        let set_up = "[    0.0] setup_percpu: NR_CPUS:8192 nr_cpumask_bits:2 nr_cpu_ids:2 nr_node_ids:2\n";
        let load = "[ 9.0] kexec_file: kernel: 00 kernel_size: 0x1000\n\
                    [ 9.0] crash_core: Crash PT_LOAD ELF header. phdr=0 vaddr=0x0, paddr=0x1000, sz=0x1000 e_phnum=7 p_offset=0x1000\n\
                    [ 9.0] crash_core: Crash PT_LOAD ELF header. phdr=0 vaddr=0x0, paddr=0x9000, sz=0x1000 e_phnum=8 p_offset=0x9000\n";
        let with = |possible: Option<&str>, log: &str| {
            of(Snapshot {
                possible_cpus: possible.map_or(Source::Missing, |list| Source::Read(list.into())),
                kernel_log: Source::Read(log.into()),
                ..Snapshot::default()
            })
            .possible_cpus
        };
        let both = format!("{set_up}{load}");
        assert_eq!(with(Some("0-7"), &both), Some(8));
        assert_eq!(with(None, &both), Some(2));
        assert_eq!(with(None, load), Some(4));
        assert_eq!(with(None, ""), None);
        // Without its first line, the load may have added more ranges earlier.
        let (_, cut) = load.split_once('\n').unwrap();
        assert_eq!(with(None, cut), None);
    }

    #[test]
    fn in_a_log_of_two_boots_the_last_counts() {
        let boot = |rsdp: u64| {
            format!("[ 0.0] Linux version 6.12.1 (x)\n[ 0.0] efi: EFI v2.7\n[ 0.0] efi: ACPI 2.0={rsdp:#x}\n")
        };
        let with = |log: String| of(Snapshot { kernel_log: Source::Read(log), ..Snapshot::default() });
        assert_eq!(with(boot(1) + &boot(2)), with(boot(2)));
        assert_eq!(with(boot(1) + &boot(2)).acpi_rsdp_of_efi, Some(2));
    }
}
