//! What a plan assumes where the evidence says nothing.

use evidence::Purpose;
use evidence::settings::Lockdown;
use evidence::{Source, Unknown};
use firmware::fdt::Fdt;
use images::KernelImage;
use machine::releases::{
    CRASH_HEADER_IS_KEPT_CURRENT, KexecTools, SEGMENTS_IN_CMA, Target, are_loads_compared, checked,
    nearest_compared,
};
use machine::{ContiguousArea, Kho, Machine};
use rules::{Loader, MapHandedOn};

use crate::port::arm64_common::UNSEEN_TREE;
use crate::request::Request;

const NO_EFI_MAP: &str = "neither /sys/firmware/efi/runtime-map nor the kernel log (efi=debug) shows it";

/// Everything that a plan assumes, with the effect of each assumption.
pub fn of(machine: &Machine, request: &Request<'_>) -> Vec<Unknown> {
    let mut assumed = Vec::new();
    let mut add = |unknown: Option<Unknown>| assumed.extend(unknown);
    add(possible_cpus(machine, request));
    add(device_tree(machine, request));
    add(half_of_ram(machine));
    match request.loader {
        Loader::KexecLoad if request.is_by_physmem() => {
            add(no_efi(machine));
            add(own_rsdp(machine));
            add(room_to_grow(machine, request));
            add(interrupt_tables(machine, request));
        }
        Loader::KexecLoad => {
            add(tools_version(machine, request));
            add(hotplug_option(machine, request));
            add(elf_arguments(request));
            add(efi_setup_data(machine));
            add(acpi_rsdp(machine, request));
        }
        Loader::KexecFileLoad => {
            add(release(machine));
            add(cma(machine, request));
            add(file_load_option(machine, request));
            add(efi_map(machine));
            add(room_to_grow(machine, request));
            add(signature(machine));
        }
    }
    add(vmcore(machine, request));
    assumed
}

/// A kernel that takes only signed files, whose keys only it knows.
fn signature(machine: &Machine) -> Option<Unknown> {
    let is_forced =
        machine.evidence.configuration.read().is_some_and(|options| options.has("KEXEC_SIG_FORCE"));
    let is_locked = matches!(
        machine.evidence.kexec.lockdown.read(),
        Some(Lockdown::Integrity | Lockdown::Confidentiality)
    );
    let why = match (is_locked, is_forced) {
        (true, _) => "/sys/kernel/security/lockdown shows a kernel that is locked down",
        (_, true) => "CONFIG_KEXEC_SIG_FORCE is on",
        (false, false) => return None,
    };
    Some(Unknown::new(
        "whether this kernel trusts the signature of the kernel file",
        why,
        "taken as trusted; it refuses an unsigned file (EPERM or ENODATA), or one whose key it does not have \
         (EKEYREJECTED)",
    ))
}

/// The crash kernel is usually the running one.
fn vmcore(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let is_off = machine.evidence.configuration.read().is_some_and(|options| options.is_off("PROC_VMCORE"));
    (request.purpose == Purpose::Crash && is_off).then(|| {
        Unknown::new(
            "whether the crash kernel shows the dump",
            "CONFIG_PROC_VMCORE is off in the running kernel",
            "if the same kernel is loaded, it has no /proc/vmcore, and nothing can be saved",
        )
    })
}

fn possible_cpus(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    (request.purpose == Purpose::Crash && machine.state.possible_cpus.is_none()).then(|| {
        Unknown::new(
            "the number of possible CPUs, each of which has a note in the dump's header",
            "neither /sys/devices/system/cpu/possible nor the kernel log shows it",
            "assumed to be one: each 73 more CPUs, or ranges of memory, make the header a page larger",
        )
    })
}

/// The next kernel's tree is a copy of the boot device tree.
fn device_tree(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    if !matches!(request.kernel, KernelImage::Arm64(_)) || machine.state.device_tree.is_some() {
        return None;
    }
    let effect = match machine.state.loaded_device_trees.size(request.purpose) {
        Some(size) => {
            format!("assumed to have {size:#x} bytes, as in the last load in the kernel log")
        }
        None => format!(
            "assumed to have {UNSEEN_TREE:#x} bytes: its segment may end elsewhere, and what is placed after it may lie elsewhere"
        ),
    };
    Some(Unknown::new(
        "the device tree that the next kernel gets",
        "/sys/firmware/fdt, of which it is a copy, was not shown",
        &effect,
    ))
}

/// Only the log shows memory that an interrupt controller goes on writing to, unless EFI hands it on.
fn interrupt_tables(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let is_arm64 = matches!(request.kernel, KernelImage::Arm64(_));
    let tree = machine.state.device_tree.as_deref().and_then(|tree| Fdt::new(tree).ok())?;
    let chosen = tree.chosen().ok().flatten();
    let is_efi = chosen.is_some_and(|chosen| !matches!(chosen.uefi_memory_map(), Ok(None)));
    let log = machine.evidence.log.read();
    let is_shown = log.is_some_and(|log| log.boot.has_beginning || !log.quotes.interrupt_tables.is_empty());
    (is_arm64 && request.purpose == Purpose::Reboot && !is_efi && !is_shown).then(|| {
        Unknown::new(
            "where a GICv3 interrupt controller has its LPI tables, to which it goes on writing",
            "the kernel log, which says it, was not shown from its beginning",
            "assumed that there are none that are not reserved: the next kernel may lie over them, and be overwritten",
        )
    })
}

/// A load may take half of RAM, which is not known without the zones.
fn half_of_ram(machine: &Machine) -> Option<Unknown> {
    machine.zones().iter().all(|zone| zone.managed == 0).then(|| {
        Unknown::new(
            "how much RAM the page allocator has, of which a load may take half",
            "/proc/zoneinfo was not shown",
            "assumed to be enough: a kernel may refuse this load (EINVAL), and the margins may be smaller",
        )
    })
}

fn tools_version(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    match request.known_tools(machine) {
        Some(KexecTools::CHECKED) => None,
        Some(version) => Some(Unknown::new(
            &format!("what kexec-tools {version} does differently"),
            &format!("plans were compared with loads by kexec-tools {}", KexecTools::CHECKED),
            "only what its release notes say is followed; all else, and the size of its purgatory, is as in the \
             version compared",
        )),
        None => Some(Unknown::new(
            "which version of kexec-tools is used",
            "kexec_load leaves the places to the program that calls it, and neither the machine nor --kexec-tools says \
             which it is",
            &format!("planned as kexec-tools {} does it", KexecTools::CHECKED),
        )),
    }
}

/// Before 2.0.27, kexec-tools uses kexec_load unless it is told otherwise.
fn file_load_option(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let version = request.known_tools(machine).filter(|version| !version.tries_file_load_first())?;
    Some(Unknown::new(
        "whether kexec-tools is told to use kexec_file_load",
        &format!("kexec-tools {version} uses kexec_load without -s or -a"),
        "planned as with -s; --loader load plans what it does without",
    ))
}

/// A crash header has room to grow if kexec-tools is asked for it.
fn hotplug_option(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let has_option = request.known_tools(machine).is_some_and(KexecTools::has_hotplug_option);
    let room =
        machine.state.crash_elfcorehdr_size.filter(|_| has_option && request.purpose == Purpose::Crash)?;
    Some(Unknown::new(
        "whether kexec-tools is called with --hotplug",
        "its caller decides",
        &format!(
            "planned without: with it the crash header takes {room:#x} bytes, and what is placed after it lies lower"
        ),
    ))
}

fn elf_arguments(request: &Request<'_>) -> Option<Unknown> {
    matches!(request.kernel, KernelImage::Elf(_)).then(|| {
        Unknown::new(
            "with which arguments kexec-tools starts the ELF kernel",
            "its options decide",
            "planned with --args-linux: without it, kexec-tools refuses an initial ramdisk and loads no segment of \
             boot parameters",
        )
    })
}

fn hands_on_e820(machine: &Machine) -> bool {
    machine.kernel.facts.map_handed_on == MapHandedOn::E820
}

fn lacks_efi_map(machine: &Machine) -> bool {
    machine.state.efi_runtime.is_none() && hands_on_e820(machine)
}

fn efi_setup_data(machine: &Machine) -> Option<Unknown> {
    lacks_efi_map(machine).then(|| {
        Unknown::new(
            "EFI's runtime map, which kexec-tools hands on as setup-data",
            NO_EFI_MAP,
            "assumed to be empty: otherwise there are two more segments of setup-data, and what is placed after them may lie elsewhere",
        )
    })
}

/// physmem hands on no EFI data.
fn no_efi(machine: &Machine) -> Option<Unknown> {
    let is_efi = machine.state.efi_runtime.is_none_or(|map| map.entries > 0);
    (is_efi && hands_on_e820(machine)).then(|| {
        Unknown::new(
            "EFI in the next kernel",
            "physmem hands on where ACPI's root pointer lies, and nothing else of EFI",
            "the next kernel has no EFI runtime services (no efivarfs, no EFI reset); kexec_file_load hands them on",
        )
    })
}

/// After an EFI boot, only EFI shows it.
fn own_rsdp(machine: &Machine) -> Option<Unknown> {
    let state = &machine.state;
    let is_efi = state.efi_runtime.is_none_or(|map| map.entries > 0);
    let is_unseen = state.acpi_rsdp.is_none() && state.acpi_rsdp_of_efi.is_none();
    (is_efi && is_unseen && hands_on_e820(machine)).then(|| {
        Unknown::new(
            "where ACPI's root pointer lies, which the next kernel is told",
            "neither /sys/kernel/boot_params/data nor the kernel log shows it",
            "a load reads it from /sys/firmware/efi/systab, and refuses if it is not there",
        )
    })
}

fn acpi_rsdp(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let is_unseen = machine.evidence.boot_params.read().is_none();
    (request.purpose == Purpose::Crash && hands_on_e820(machine) && is_unseen).then(|| {
        Unknown::new(
            "where ACPI's root pointer lies, which kexec-tools tells the crash kernel",
            "/sys/kernel/boot_params/data was not shown",
            "no acpi_rsdp= is on the planned command line; kexec-tools may put one there",
        )
    })
}

fn release(machine: &Machine) -> Option<Unknown> {
    let architecture = crate::release::architecture(machine)?;
    let release = crate::release::of(machine);
    let target = release.map(|release| Target::new(architecture, release));
    if target.as_ref().is_some_and(are_loads_compared) {
        return None;
    }
    let nearest = target.as_ref().map_or_else(checked, nearest_compared);
    let name = machine.kernel.release.as_deref();
    let which = name.map_or_else(|| "this release of Linux".to_owned(), |name| format!("Linux {name}"));
    Some(Unknown::new(
        &format!("what {which} does differently"),
        &format!("plans were compared with loads of Linux {nearest}, the nearest release"),
        &format!(
            "what documents say of other releases is followed; all else, and the size of purgatory, which no file shows \
             (--purgatory-size), is as in {nearest}"
        ),
    ))
}

/// What is allocated of the contiguous area that kexec_file_load tries first.
fn cma(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let tries = request.purpose == Purpose::Reboot && !request.without_cma && machine.state.kho == Kho::Off;
    if !tries || crate::release::does(machine, SEGMENTS_IN_CMA) != Some(true) {
        return None;
    }
    let log = machine.evidence.log.read();
    let (why, effect) = match machine.state.contiguous {
        Some(ContiguousArea { used: Some(0), .. }) => return None,
        Some(ContiguousArea { used: Some(used), .. }) => (
            format!("the kernel shows only that {used} pages of it are allocated"),
            "assumed to be its lowest: segments may lie elsewhere in it, or outside; --no-cma keeps them out",
        ),
        Some(ContiguousArea { used: None, .. }) => (
            "/sys/kernel/mm/cma was not shown".to_owned(),
            "assumed to be none: segments may lie elsewhere in it, or outside; --no-cma keeps them out",
        ),
        None if log.is_some_and(|log| log.boot.has_beginning) => return None,
        None => (
            "the kernel log, which says where it lies, was not shown from its beginning".to_owned(),
            "assumed that there is none: this release tries it first; --no-cma keeps segments out",
        ),
    };
    Some(Unknown::new("which pages of the contiguous memory area (CMA) are allocated", &why, effect))
}

fn efi_map(machine: &Machine) -> Option<Unknown> {
    lacks_efi_map(machine).then(|| {
        Unknown::new(
            "the size of EFI's runtime map, which is handed on in the boot parameters",
            NO_EFI_MAP,
            "assumed to be 0: the boot parameters may be larger, and what is placed after them may lie lower",
        )
    })
}

/// A kernel that updates a crash kernel's header itself makes it larger. If the kernel is configured to do
/// that, /sys/devices/system/memory has a file crash_hotplug.
fn room_to_grow(machine: &Machine, request: &Request<'_>) -> Option<Unknown> {
    let evidence = &machine.evidence;
    let may_be_configured =
        evidence.blocks.read().is_none() || evidence.hotplug.crash_hotplug != Source::Missing;
    let may_grow =
        may_be_configured && crate::release::does(machine, CRASH_HEADER_IS_KEPT_CURRENT) != Some(false);
    let is_unseen = machine.state.crash_elfcorehdr_size.is_none();
    (request.purpose == Purpose::Crash && hands_on_e820(machine) && is_unseen && may_grow).then(|| {
        Unknown::new(
            "how much room the crash header has to grow",
            "/sys/kernel/crash_elfcorehdr_size was not shown",
            "assumed to be none: a kernel with CONFIG_CRASH_HOTPLUG makes it larger (900K as Debian configures it), and the RAM that the crash kernel is told about begins after it",
        )
    })
}
