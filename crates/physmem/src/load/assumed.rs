//! What a plan goes by that nothing shows.

use images::bz_image::Paging;
use kexec::{Facts, KernelImage, Purpose};
use machine::boot::BootInput;
use machine::releases::{TABLE, Target};
use evidence::Source;
use machine::{Machine, Release, Snapshot, Unknown};
use rules::{MapHandedOn, Loader};

use super::kernel_file::KernelFile;
use crate::boot_input::CHECKED;

const NO_EFI_MAP: &str = "neither /sys/firmware/efi/runtime-map nor the kernel log (efi=debug) shows it";

/// The page tables of the running kernel, as far as its log tells them.
pub(crate) fn paging(
    snapshot: &Snapshot,
    boot: Option<&BootInput>,
    kernel: &KernelFile,
    assumed: &mut Vec<Unknown>,
) -> Paging {
    let log = snapshot.kernel_log.read().map_or("", String::as_str);
    match boot.filter(|_| log.contains("max_arch_pfn = ")) {
        Some(boot) if boot.build.page_table_levels == 5 => Paging::FiveLevel,
        Some(_) => Paging::FourLevel,
        None => {
            if kernel.depends_on_paging() {
                assumed.push(Unknown::new(
                    "how many levels the running kernel's page tables have",
                    "the kernel log does not show max_arch_pfn",
                    "taken as four: under five, this kernel cannot be loaded (XLF_5LEVEL is not set)",
                ));
            }
            Paging::FourLevel
        }
    }
}

/// Fills in what a plan cannot do without and nothing shows, and says so.
pub(crate) fn completed(
    mut facts: Facts,
    kernel: &KernelFile,
    purpose: Purpose,
    assumed: &mut Vec<Unknown>,
) -> Facts {
    /// Larger than the trees of most machines, and without influence on where anything begins.
    const DEVICE_TREE: u64 = 64 << 10;
    if purpose == Purpose::Crash && facts.possible_cpus.is_none() {
        facts.possible_cpus = Some(1);
        assumed.push(Unknown::new(
            "how many CPUs there may ever be, each of which has a note in the dump's header",
            "neither /sys/devices/system/cpu/possible nor the kernel log shows it",
            "taken as one: the header is a page larger for each 73 CPUs, or ranges of memory, more",
        ));
    }
    if matches!(kernel, KernelFile::Other(KernelImage::Arm64(_))) && facts.device_tree.is_none() {
        let loaded = match purpose {
            Purpose::Reboot => &mut facts.loaded_device_trees.reboot,
            Purpose::Crash => &mut facts.loaded_device_trees.crash,
        };
        let effect = match *loaded {
            Some(size) => {
                format!("taken as of {size:#x} bytes, as in the last load that the kernel log tells of")
            }
            None => format!(
                "taken as of {DEVICE_TREE:#x} bytes: its segment may end elsewhere, and what is placed after it may lie elsewhere"
            ),
        };
        loaded.get_or_insert(DEVICE_TREE);
        assumed.push(Unknown::new(
            "the device tree that the next kernel gets",
            "/sys/firmware/fdt, of which it is a copy, was not shown",
            &effect,
        ));
    }
    facts
}

/// Half of RAM, which a load may take, cannot be told without the zones.
pub(crate) fn half_of_ram(machine: &Machine, assumed: &mut Vec<Unknown>) {
    if machine.zones.iter().all(|zone| zone.managed == 0) {
        assumed.push(Unknown::new(
            "how much RAM the page allocator has, of which a load may take half",
            "/proc/zoneinfo was not shown",
            "taken as enough: a kernel may refuse this load (EINVAL), and the margins may be smaller",
        ));
    }
}

/// What the plan goes by that nothing shows, of the release, of EFI and of the kernel's configuration.
pub(crate) fn of(
    snapshot: &Snapshot,
    machine: &Machine,
    facts: &Facts,
    boot: Option<&BootInput>,
    kernel: &KernelFile,
    (loader, purpose): (Loader, Purpose),
) -> Vec<Unknown> {
    let mut assumed = Vec::new();
    let is_x86 = machine.kernel.facts.map_handed_on == MapHandedOn::E820;
    if loader == Loader::KexecLoad {
        assumed.push(Unknown::new(
            "which version of kexec-tools loads",
            "kexec_load leaves the places to the program that calls it",
            "planned as kexec-tools 2.0.25 does it",
        ));
        if matches!(kernel, KernelFile::Elf(_)) {
            assumed.push(Unknown::new(
                "with which arguments kexec-tools starts the ELF kernel",
                "its options decide",
                "planned with --args-linux: without, kexec-tools refuses an initial ramdisk, and loads no segment of \
                 boot parameters",
            ));
        }
        if facts.efi_runtime.is_none() && is_x86 {
            assumed.push(Unknown::new(
                "EFI's runtime map, which kexec-tools hands on as setup-data",
                NO_EFI_MAP,
                "taken as none: there are two segments of setup-data more, and what is placed after them may lie elsewhere",
            ));
        }
        if purpose == Purpose::Crash && is_x86 && snapshot.boot_params.read().is_none() {
            assumed.push(Unknown::new(
                "where ACPI's root pointer lies, which kexec-tools tells the crash kernel",
                "/sys/kernel/boot_params/data was not shown",
                "no acpi_rsdp= is on the planned command line; kexec-tools may put one there",
            ));
        }
        return assumed;
    }
    let release = machine.kernel.release.as_deref();
    let parsed = release.and_then(|release| release.parse::<Release>().ok());
    if parsed.as_ref().map(Release::version) != Some(CHECKED) {
        let which =
            release.map_or_else(|| "this release of Linux".to_owned(), |release| format!("Linux {release}"));
        assumed.push(Unknown::new(
            &format!("what {which} does differently"),
            "plans were compared with loads of Linux 6.12",
            "the size of purgatory, which no file shows (--purgatory-size), and all else is as in 6.12",
        ));
    }
    let knows = |name: &str| {
        let (Some(release), Some(boot)) = (&parsed, boot) else { return false };
        let target = Target::new(boot.platform.architecture(), release.clone());
        TABLE.iter().any(|row| row.name == name && row.is_known(&target))
    };
    if knows(machine::releases::SEGMENTS_IN_CMA) {
        assumed.push(Unknown::new(
            "which segments go into contiguous memory areas (CMA)",
            "this release tries those first, and nothing shows what is free there",
            "taken as none; kexec-tools can forbid it (--no-cma)",
        ));
    }
    if facts.efi_runtime.is_none() && is_x86 {
        assumed.push(Unknown::new(
            "the size of EFI's runtime map, which is handed on in the boot parameters",
            NO_EFI_MAP,
            "taken as 0: the boot parameters may be larger, and what is placed after them may lie lower",
        ));
    }
    if purpose == Purpose::Crash
        && is_x86
        && facts.crash_elfcorehdr_size.is_none()
        && may_grow(snapshot, parsed.as_ref())
    {
        assumed.push(Unknown::new(
            "how much room the crash header has to grow",
            "/sys/kernel/crash_elfcorehdr_size was not shown",
            "taken as none: a kernel with CONFIG_CRASH_HOTPLUG makes it larger (900K as Debian configures it), and the RAM that the crash kernel is told of begins behind it",
        ));
    }
    assumed
}

/// Whether this may be a kernel that keeps the header of a crash kernel up to date: 6.5 and later, if so configured, which
/// /sys/devices/system/memory tells by having a crash_hotplug.
fn may_grow(snapshot: &Snapshot, release: Option<&Release>) -> bool {
    const FIRST: (u32, u32) = (6, 5);
    let has_crash_hotplug = match &snapshot.memory_blocks {
        Source::Read(blocks) => !matches!(blocks.crash_hotplug, Source::Missing),
        _ => true,
    };
    has_crash_hotplug && release.is_none_or(|release| release.version() >= FIRST)
}
