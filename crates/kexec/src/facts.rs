//! What a plan needs to know of the running kernel, besides its machine.

use firmware::e820::{BootParams, E820Type, Entry};
use firmware::efi;
use firmware::log::EfiMap;
use machine::Snapshot;
use machine::boot::BootInput;
use evidence::memblock_text;
use evidence::snapshot::FirmwareMapEntry;
use memblock::{PhysRange, Region, RegionFlags, ranges};

use crate::efi_runtime::{self, EfiRuntime};
use crate::handover::Handover;
use crate::load_log::LoadLog;
use crate::plan::Purpose;
use crate::{possible_cpus, x86_load};

/// What a plan needs to know of the running kernel, besides its [`Machine`](machine::Machine).
///
/// A fact that is `None` was not shown: a plan that needs it fails with the error that its doc names, or goes on as it
/// says. Addresses and sizes are bytes, ranges half-open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The firmware's e820 map, sorted out, as it was before the command line edited it; empty where
    /// there is none, as on arm64. Without it kexec_file_load has no plan of a reboot on x86
    /// ([`NoMap`](crate::PlanError::NoMap)).
    pub firmware_map: Option<Vec<Entry>>,
    /// What /sys/firmware/memmap lists now, with the DIMMs that were added, ascending, each of the type that kexec-tools
    /// takes it for. Without it, kexec_load has no plan of a reboot on x86
    /// ([`NoFirmwareMap`](crate::PlanError::NoFirmwareMap)).
    pub firmware_map_now: Option<Vec<Entry>>,
    /// Whether `add_efi_memmap` is on the command line that the kernel runs with, as far as kexec-tools reads it; no where
    /// that was not shown.
    pub add_efi_memmap: bool,
    /// Where ACPI's root pointer lies, as the boot parameters say it. `None` also where they do not, as after a boot by EFI:
    /// a crash kernel by kexec_load is then told of none on its command line.
    pub acpi_rsdp: Option<u64>,
    /// Where it lies as EFI says it, `ACPI 2.0=` of the log's line on EFI's tables. Without it, a crash kernel from ELF is
    /// told of none after a boot by EFI.
    pub acpi_rsdp_of_efi: Option<u64>,
    /// Memory minus reserved of memblock, NOMAP left out, ascending. Without it, kexec_file_load has no plan where it walks
    /// memblock ([`NoMemblock`](crate::PlanError::NoMemblock)).
    pub free_in_memblock: Option<Vec<PhysRange>>,
    /// Memory of memblock, NOMAP left out, ascending, each region as it is: what kexec_file_load dumps on arm64, where it
    /// has no plan for crashes without ([`NoMemblock`](crate::PlanError::NoMemblock)).
    pub mapped_in_memblock: Option<Vec<PhysRange>>,
    /// The device tree of the boot, `/sys/firmware/fdt`. Without it, plans on arm64 go by `loaded_device_trees`.
    pub device_tree: Option<Vec<u8>>,
    /// Bytes of the device trees of earlier loads, by which a plan goes where the boot's tree is not shown. Without either,
    /// there is none on arm64 ([`NoDeviceTree`](crate::Arm64Error::NoDeviceTree)).
    pub loaded_device_trees: LoadedDeviceTrees,
    /// EFI's memory map, in the firmware's order, which the log shows after a boot with `efi=debug` alone. Without it, what
    /// the next kernel is told after a boot by EFI on arm64 is what the rules say.
    pub efi_map: Option<Vec<efi::Entry>>,
    /// Whether the kernel has random numbers to seed the next with on arm64: told by a log that reaches back to the boot.
    /// Taken for yes without.
    pub has_random_numbers: Option<bool>,
    /// Bytes of the program headers that a crash header has room for, `/sys/kernel/crash_elfcorehdr_size`;
    /// `None` where the kernel does not keep the header up to date itself.
    pub crash_elfcorehdr_size: Option<u64>,
    /// Whether state is handed over to the next kernel, and the areas that this leaves to an image.
    pub handover: Handover,
    /// How many CPUs there may ever be; each has a note in the crash header. Without it there is no plan for crashes
    /// ([`HeaderSize`](crate::PlanError::HeaderSize)).
    pub possible_cpus: Option<u64>,
    /// EFI's runtime map, which is handed on. `None` where there may be one, and nothing shows it: a plan then makes no room
    /// for it.
    pub efi_runtime: Option<EfiRuntime>,
    /// What the kernel is configured to hand on; the default where its configuration is not shown.
    pub configured: Configured,
}

impl Facts {
    /// Reads the facts, each where it is shown. What is not shown counts only for the plans that need it.
    pub fn of(snapshot: &Snapshot) -> Self {
        let boot = BootInput::of(snapshot).ok();
        let boot = boot.as_ref();
        let kexec = |name: &str| snapshot.kexec.get(name)?.read()?.trim().parse().ok();
        let log = snapshot.kernel_log.read().map(String::as_str);
        let loads = log.map(LoadLog::of).unwrap_or_default();
        Self {
            firmware_map: boot.map(BootInput::e820_of_firmware),
            firmware_map_now: snapshot.firmware_memmap.read().map(|entries| as_kexec_tools_reads(entries)),
            add_efi_memmap: snapshot.command_line.read().is_some_and(|line| has_add_efi_memmap(line)),
            acpi_rsdp: snapshot
                .boot_params
                .read()
                .and_then(|bytes| BootParams::new(&bytes.0).ok()?.acpi_rsdp()),
            acpi_rsdp_of_efi: log.and_then(acpi_20),
            free_in_memblock: free_in_memblock(snapshot),
            mapped_in_memblock: mapped(snapshot).map(|regions| regions.map(|region| region.range).collect()),
            device_tree: snapshot.device_tree.read().map(|bytes| bytes.0.clone()),
            efi_map: log.and_then(efi_map),
            has_random_numbers: log.and_then(has_random_numbers),
            crash_elfcorehdr_size: kexec("crash_elfcorehdr_size"),
            handover: Handover::of(snapshot, boot),
            efi_runtime: efi_runtime::of(snapshot, boot),
            configured: snapshot
                .kernel_config
                .read()
                .map(|config| Configured::of(config))
                .unwrap_or_default(),
            possible_cpus: possible_cpus::of(snapshot, &loads),
            loaded_device_trees: LoadedDeviceTrees::of(&loads),
        }
    }
}

/// Bytes of the device trees that the last loads gave the next kernel, as the kernel's log tells of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadedDeviceTrees {
    /// Of a kernel that a reboot starts.
    pub reboot: Option<u64>,
    /// Of a crash kernel.
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

    /// That of the last load for this purpose.
    pub(crate) const fn size(self, purpose: Purpose) -> Option<u64> {
        match purpose {
            Purpose::Reboot => self.reboot,
            Purpose::Crash => self.crash,
        }
    }
}

/// What a kernel is configured to hand on to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Measurements of the integrity subsystem: CONFIG_IMA_KEXEC.
    pub measurements: bool,
    /// Whatever asks for it: CONFIG_KEXEC_HANDOVER (6.16 and later), whether or not it is on.
    pub handover: bool,
}

impl Configured {
    fn of(config: &str) -> Self {
        let has = |option: &str| config.lines().any(|line| line == option);
        Self { measurements: has("CONFIG_IMA_KEXEC=y"), handover: has("CONFIG_KEXEC_HANDOVER=y") }
    }

    /// Bytes of setup_data that tell the next kernel on x86 where it lies: 16 of a header each, and 16 of
    /// `ima_setup_data`, 32 of `kho_data` (arch/x86/include/uapi/asm/setup_data.h, 6.16).
    pub(crate) const fn setup_data(self) -> u64 {
        (if self.measurements { 32 } else { 0 }) + (if self.handover { 48 } else { 0 })
    }
}

/// The entries of /sys/firmware/memmap as kexec-tools 2.0.25 was seen to take them: sorted by address, and reserved if
/// of a type that it has no name for, as unusable and soft-reserved memory is.
fn as_kexec_tools_reads(entries: &[FirmwareMapEntry]) -> Vec<Entry> {
    let entry = |entry: &FirmwareMapEntry| {
        Some(Entry {
            range: PhysRange::from_inclusive(entry.start, entry.last).ok()?,
            kind: x86_load::kind(&entry.kind).unwrap_or(E820Type::Reserved),
        })
    };
    let mut entries: Vec<Entry> = entries.iter().filter_map(entry).collect();
    entries.sort_by_key(|entry| entry.range.start());
    entries
}

/// kexec-tools 2.0.25 was seen to look at the first 512 bytes of /proc/cmdline, and at no more.
fn has_add_efi_memmap(line: &str) -> bool {
    const READ: usize = 512;
    let read = line.as_bytes().get(..READ).unwrap_or(line.as_bytes());
    String::from_utf8_lossy(read).split_whitespace().any(|word| word == "add_efi_memmap")
}

/// What memblock has and has not reserved, as the walk for kexec goes: without NOMAP; what else it must not touch,
/// the rules say.
fn free_in_memblock(snapshot: &Snapshot) -> Option<Vec<PhysRange>> {
    let reserved = regions(snapshot.memblock.reserved.read()?)?;
    let free = ranges::difference(mapped(snapshot)?, reserved.into_iter());
    Some(free.map(|region| region.range).collect())
}

/// What memblock has as memory that the kernel maps.
fn mapped(snapshot: &Snapshot) -> Option<impl DoubleEndedIterator<Item = Region> + Clone> {
    let memory = regions(snapshot.memblock.memory.read()?)?;
    Some(memory.into_iter().filter(|region| !region.flags.contains(RegionFlags::NOMAP)))
}

fn regions(text: &str) -> Option<Vec<Region>> {
    memblock_text::regions(text).collect::<Result<_, _>>().ok()
}

fn efi_map(log: &str) -> Option<Vec<efi::Entry>> {
    let lines = firmware::log::efi(log.as_bytes()).filter_map(Result::ok);
    let map: Vec<_> = lines.filter(|line| line.map == EfiMap::Firmware).map(|line| line.entry).collect();
    Some(map).filter(|map| !map.is_empty())
}

/// `efi: SMBIOS=0xbf520000 ACPI=0xbf77d000 ACPI 2.0=0xbf77d014` (drivers/firmware/efi/efi.c:match_config_table, 6.12).
fn acpi_20(log: &str) -> Option<u64> {
    let mut lines = log.lines().filter(|line| line.contains("efi: "));
    let (_, behind) = lines.find_map(|line| line.split_once("ACPI 2.0=0x"))?;
    u64::from_str_radix(behind.split_whitespace().next()?, 16).ok()
}

/// `random: crng init done`, once there is enough to make random numbers of.
fn has_random_numbers(log: &str) -> Option<bool> {
    let is_whole = log.contains("] Linux version ");
    let is_ready = log.contains("random: crng init done");
    (is_ready || is_whole).then_some(is_ready)
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use evidence::snapshot::MemblockFiles;

    use super::*;

    #[test]
    fn free_memory_is_neither_reserved_nor_nomap() {
        let memory = "   0: 0x0000000000000000..0x0000000000007fff    0 NONE\n   \
                      1: 0x0000000000008000..0x000000000000bfff    0 NOMAP\n";
        let reserved = "   0: 0x0000000000001000..0x0000000000001fff    0 NONE\n";
        let snapshot = Snapshot {
            memblock: MemblockFiles {
                memory: Source::Read(memory.into()),
                reserved: Source::Read(reserved.into()),
                ..MemblockFiles::default()
            },
            ..Snapshot::default()
        };
        let r = |start, end| PhysRange::new(start, end).unwrap();
        assert_eq!(free_in_memblock(&snapshot), Some(vec![r(0, 0x1000), r(0x2000, 0x8000)]));
        assert_eq!(free_in_memblock(&Snapshot::default()), None);
    }

    #[test]
    fn the_configuration_says_what_is_handed_on() {
        let debian = "CONFIG_HAVE_IMA_KEXEC=y\n# CONFIG_IMA_KEXEC is not set\nCONFIG_KEXEC_HANDOVER=y\n";
        assert_eq!(Configured::of(debian), Configured { measurements: false, handover: true });
        assert_eq!(Configured::of(debian).setup_data(), 48);
        assert_eq!(Configured::of("CONFIG_IMA_KEXEC=y\n").setup_data(), 32);
    }

    #[test]
    fn only_a_log_that_reaches_back_to_the_boot_can_say_that_there_are_no_random_numbers() {
        let boot = "[    0.0] Linux version 6.12\n";
        assert_eq!(has_random_numbers(boot), Some(false));
        assert_eq!(has_random_numbers(&format!("{boot}[    0.0] random: crng init done\n")), Some(true));
        assert_eq!(has_random_numbers("[   99.0] eth0: link up\n"), None);
    }

    #[test]
    fn add_efi_memmap_is_seen_in_the_first_512_bytes_alone() {
        let behind = |bytes: usize| format!("{} add_efi_memmap quiet", "x".repeat(bytes));
        assert!(has_add_efi_memmap("quiet add_efi_memmap"));
        assert!(has_add_efi_memmap(&behind(512 - 15)));
        assert!(!has_add_efi_memmap(&behind(512 - 14)));
        assert!(!has_add_efi_memmap("add_efi_memmaps"));
    }

    #[test]
    fn what_kexec_tools_has_no_name_for_is_reserved_and_entries_are_sorted() {
        let entry =
            |start, kind: &str| FirmwareMapEntry { index: 0, start, last: start + 1, kind: kind.into() };
        let entries = [
            entry(0x8000, "Soft Reserved"),
            entry(0x7000, "Unusable memory"),
            entry(0x6000, "Unknown E820 type"),
            entry(0x5000, "Persistent Memory (legacy)"),
            entry(0x4000, "Persistent Memory"),
            entry(0x3000, "ACPI Non-volatile Storage"),
            entry(0x2000, "ACPI Tables"),
            entry(0x1000, "Reserved"),
            entry(0, "System RAM"),
        ];
        let read = as_kexec_tools_reads(&entries);
        assert!(read.is_sorted_by_key(|entry| entry.range.start()));
        let kinds: Vec<u32> = read.iter().map(|entry| entry.kind.number()).collect();
        assert_eq!(kinds, [1, 2, 3, 4, 7, 12, 2, 2, 2]);
    }
}
