//! The paths of all files that are read, and which files of an archive are kept.

use evidence::record::{KDUMP_RECORD, KEXEC_RECORD};

use crate::root::tree::numbered;

/// The physical resource tree.
pub(crate) const IOMEM: &str = "proc/iomem";
/// The command line the kernel was booted with.
pub(crate) const COMMAND_LINE: &str = "proc/cmdline";
/// Zones, node by node.
pub(crate) const ZONEINFO: &str = "proc/zoneinfo";
/// The kernel's banner.
pub(crate) const VERSION: &str = "proc/version";
/// The kernel's build configuration, compressed.
pub(crate) const CONFIG_GZ: &str = "proc/config.gz";
/// The kernel's release, as `uname -r` prints it.
pub(crate) const RELEASE: &str = "proc/sys/kernel/osrelease";
/// The machine's architecture, as `uname -m` prints it.
pub(crate) const ARCHITECTURE: &str = "proc/sys/kernel/arch";
/// x86's `boot_params`.
pub(crate) const BOOT_PARAMS: &str = "sys/kernel/boot_params/data";
/// The flattened device tree.
pub(crate) const DEVICE_TREE: &str = "sys/firmware/fdt";
/// The firmware's memory map.
pub(crate) const FIRMWARE_MEMMAP: &str = "sys/firmware/memmap";
/// The memory ranges of EFI runtime services.
pub(crate) const EFI_RUNTIME_MAP: &str = "sys/firmware/efi/runtime-map";
/// The ACPI tables.
pub(crate) const ACPI_TABLES: &str = "sys/firmware/acpi/tables";
/// The ACPI tables about memory.
pub(crate) const ACPI_SIGNATURES: [&str; 5] = ["SRAT", "SLIT", "HMAT", "CEDT", "IORT"];
/// memblock's tables.
pub(crate) const MEMBLOCK: &str = "sys/kernel/debug/memblock";
/// What kexec hands over to the next kernel.
pub(crate) const HANDOVER: &str = "sys/kernel/debug/kho/out";
/// The memory blocks.
pub(crate) const MEMORY_BLOCKS: &str = "sys/devices/system/memory";
/// Another for each boot.
pub(crate) const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";
/// What physmem wrote down about its last loads: the name in a snapshot, and the path.
pub(crate) const RECORDS: [(&str, &str); 2] =
    [(KEXEC_RECORD, "run/physmem/kexec.json"), (KDUMP_RECORD, "run/physmem/kdump.json")];
/// The possible CPUs.
pub(crate) const POSSIBLE_CPUS: &str = "sys/devices/system/cpu/possible";
/// The NUMA nodes.
pub(crate) const NODES: &str = "sys/devices/system/node";
/// The parameters of memory hotplug.
pub(crate) const MEMORY_HOTPLUG: &str = "sys/module/memory_hotplug/parameters";
/// The kernel's kexec settings: the name in a snapshot, and the paths, newest first. Linux 6.19 added the
/// directory `kexec` and keeps the old names as links.
pub(crate) const KEXEC: [(&str, &[&str]); 11] = [
    ("kexec_loaded", &["sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"]),
    ("kexec_crash_loaded", &["sys/kernel/kexec/crash_loaded", "sys/kernel/kexec_crash_loaded"]),
    ("kexec_crash_size", &["sys/kernel/kexec/crash_size", "sys/kernel/kexec_crash_size"]),
    (
        "crash_elfcorehdr_size",
        &["sys/kernel/kexec/crash_elfcorehdr_size", "sys/kernel/crash_elfcorehdr_size"],
    ),
    ("crash_cma_ranges", &["sys/kernel/kexec/crash_cma_ranges", "sys/kernel/kexec_crash_cma_ranges"]),
    // The default contiguous area, where kexec_file_load places first: named so, or as its device tree node.
    (
        "cma_total_pages",
        &["sys/kernel/mm/cma/reserved/total_pages", "sys/kernel/mm/cma/linux,cma/total_pages"],
    ),
    (
        "cma_available_pages",
        &["sys/kernel/mm/cma/reserved/available_pages", "sys/kernel/mm/cma/linux,cma/available_pages"],
    ),
    ("kexec_load_disabled", &["proc/sys/kernel/kexec_load_disabled"]),
    ("kexec_load_limit_panic", &["proc/sys/kernel/kexec_load_limit_panic"]),
    ("kexec_load_limit_reboot", &["proc/sys/kernel/kexec_load_limit_reboot"]),
    ("lockdown", &["sys/kernel/security/lockdown"]),
];
/// The kernel log in a capture, then in a sosreport, an archive of insights, and a node of a must-gather. Their content
/// decides which one counts.
pub(crate) const KERNEL_LOGS: [&str; 10] = [
    "var/log/dmesg",
    "sos_commands/kernel/dmesg",
    "sos_commands/kernel/dmesg_-T",
    "sos_commands/general/dmesg",
    "sos_commands/logs/journalctl_--no-pager_--boot",
    "sos_commands/logs/journalctl_--no-pager_--catalog_--boot",
    "sos_commands/logs/journalctl_--all_--this-boot_--no-pager",
    "sos_commands/logs/journalctl_-o_export",
    "insights_commands/dmesg",
    "dmesg",
];
/// `uname -a` in a sosreport, an archive of insights, and an old sosreport.
pub(crate) const UNAMES: [&str; 4] =
    ["sos_commands/kernel/uname_-a", "insights_commands/uname_-a", "sos_commands/general/uname_-a", "uname"];
/// `/proc/cmdline` of a node in a must-gather.
pub(crate) const GATHERED_COMMAND_LINE: &str = "proc_cmdline";
/// The output of `lsmem` in a sosreport, and in a capture of a script of one's own.
pub(crate) const LSMEMS: [&str; 2] =
    ["sos_commands/memory/lsmem_-a_-o_RANGE_SIZE_STATE_REMOVABLE_ZONES_NODE_BLOCK", "extra/lsmem.json"];
/// Where kexec-tools installs its program.
pub(crate) const KEXEC_PROGRAMS: [&str; 3] = ["usr/sbin/kexec", "sbin/kexec", "usr/bin/kexec"];
/// Lists of installed packages: of dpkg, of apk, and of sosreports.
pub(crate) const PACKAGE_LISTS: [&str; 7] = [
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "installed-debs",
    "installed-rpms",
    "sos_commands/dpkg/dpkg_-l",
    "sos_commands/rpm/package-data",
];
/// pacman's packages, a directory for each.
pub(crate) const PACMAN: &str = "var/lib/pacman/local";
/// The running kernel's address space. No capture holds it.
pub(crate) const KCORE: &str = "proc/kcore";
/// What a capture holds instead: what was found in the crash kernel's memory.
pub(crate) const CRASH_IMAGE: &str = "physmem-crash-image.json";
/// The manifest of a capture.
pub(crate) const MANIFEST: &str = "physmem-capture.json";

/// Directories and files that mark a Linux tree: one is enough.
pub(crate) const MARKERS: [&str; 19] = [
    IOMEM,
    COMMAND_LINE,
    ZONEINFO,
    VERSION,
    BOOT_PARAMS,
    DEVICE_TREE,
    FIRMWARE_MEMMAP,
    ACPI_TABLES,
    MEMBLOCK,
    MEMORY_BLOCKS,
    NODES,
    "var/log/dmesg",
    "sos_commands/kernel/dmesg",
    "sos_commands/kernel/dmesg_-T",
    "sos_commands/general/dmesg",
    "sos_commands/logs/journalctl_--no-pager_--boot",
    "insights_commands/dmesg",
    GATHERED_COMMAND_LINE,
    MANIFEST,
];

/// Where distributions keep the build configuration of a release. A release with a slash, which no kernel
/// has, would lead to another directory.
pub(crate) fn config_paths(release: &str) -> Vec<String> {
    if release.is_empty() || release.contains('/') || release.starts_with('.') {
        return Vec::new();
    }
    vec![
        format!("boot/config-{release}"),
        format!("usr/lib/modules/{release}/config"),
        format!("lib/modules/{release}/config"),
    ]
}

/// Whether any reader reads or lists this path.
pub(crate) fn is_wanted(path: &str) -> bool {
    let below = |directory: &str| path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
    if let Some(rest) = below(MEMORY_BLOCKS) {
        return is_wanted_of_blocks(rest);
    }
    if let Some(rest) = below(NODES) {
        return is_wanted_of_nodes(rest);
    }
    if let Some(rest) = below(FIRMWARE_MEMMAP) {
        let (entry, file) = rest.split_once('/').unwrap_or((rest, "start"));
        return numbered::<u32>(entry, "").is_some() && matches!(file, "start" | "end" | "type");
    }
    if let Some(rest) = below(EFI_RUNTIME_MAP) {
        let (entry, file) = rest.split_once('/').unwrap_or((rest, "type"));
        return numbered::<u32>(entry, "").is_some() && file == "type";
    }
    if let Some(rest) = below(ACPI_TABLES) {
        return is_memory_table(rest);
    }
    if let Some(rest) = below(MEMBLOCK) {
        return matches!(rest, "memory" | "reserved" | "physmem");
    }
    if let Some(rest) = below(HANDOVER) {
        return matches!(rest, "scratch_phys" | "scratch_len" | "bootmem_phys" | "bootmem_len");
    }
    if let Some(rest) = below(PACMAN) {
        return rest.starts_with("kexec-tools-");
    }
    if let Some(rest) = below(MEMORY_HOTPLUG) {
        return !rest.contains('/');
    }
    path.strip_prefix("boot/config-").is_some_and(|release| !release.contains('/'))
        || is_modules_config(path.strip_prefix("usr/").unwrap_or(path))
        || MARKERS.contains(&path)
        || [CONFIG_GZ, RELEASE, ARCHITECTURE, MEMORY_HOTPLUG, EFI_RUNTIME_MAP, POSSIBLE_CPUS].contains(&path)
        || UNAMES.contains(&path)
        || KERNEL_LOGS.contains(&path)
        || LSMEMS.contains(&path)
        || KEXEC_PROGRAMS.contains(&path)
        || PACKAGE_LISTS.contains(&path)
        || [BOOT_ID, CRASH_IMAGE].contains(&path)
        || RECORDS.iter().any(|(_, record)| *record == path)
        || KEXEC.iter().any(|(_, paths)| paths.contains(&path))
}

/// Whether a path's file is text of `/proc` or `/sys`. sysfs reports a page as the
/// size of every attribute, so some archivers pad such files with zeros.
pub(crate) fn is_text(path: &str) -> bool {
    let below = |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    (below("proc") || below("sys"))
        && ![CONFIG_GZ, BOOT_PARAMS, DEVICE_TREE].contains(&path)
        && !below(ACPI_TABLES)
}

/// Whether a file of the ACPI directory is a table about memory. Further tables of a signature are numbered:
/// `SRAT2`.
pub(crate) fn is_memory_table(name: &str) -> bool {
    ACPI_SIGNATURES.iter().any(|signature| {
        name.strip_prefix(signature).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn is_wanted_of_blocks(rest: &str) -> bool {
    match rest.split_once('/') {
        None => {
            matches!(rest, "block_size_bytes" | "auto_online_blocks" | "crash_hotplug")
                || numbered::<u64>(rest, "memory").is_some()
        }
        Some((block, file)) => {
            numbered::<u64>(block, "memory").is_some()
                && (matches!(file, "state" | "online" | "valid_zones" | "firmware_node")
                    || numbered::<u32>(file, "node").is_some())
        }
    }
}

fn is_wanted_of_nodes(rest: &str) -> bool {
    match rest.split_once('/') {
        None => is_node_list(rest) || numbered::<u32>(rest, "node").is_some(),
        Some((node, file)) => {
            let (entry, below) = file.split_once('/').unwrap_or((file, "state"));
            numbered::<u32>(node, "node").is_some()
                && (matches!(file, "cpulist" | "distance" | "meminfo")
                    || numbered::<u64>(entry, "memory").is_some()
                        && matches!(below, "state" | "online" | "valid_zones"))
        }
    }
}

/// Whether a file of the node directory is one of the kernel's lists of nodes.
pub(crate) fn is_node_list(name: &str) -> bool {
    matches!(name, "possible" | "online") || name.starts_with("has_")
}

fn is_modules_config(path: &str) -> bool {
    path.strip_prefix("lib/modules/")
        .and_then(|rest| rest.strip_suffix("/config"))
        .is_some_and(|release| !release.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_keeps_what_is_read() {
        for path in [
            "proc/iomem",
            "sys/firmware/memmap/0",
            "sys/firmware/memmap/12/type",
            "sys/firmware/acpi/tables",
            "sys/firmware/acpi/tables/SRAT",
            "sys/firmware/acpi/tables/SRAT2",
            "sys/devices/system/memory/memory7",
            "sys/devices/system/memory/memory7/node0",
            "sys/devices/system/memory/memory7/firmware_node",
            "sys/devices/system/node/node1/memory7",
            "sys/devices/system/node/has_cpu",
            "sys/kernel/kexec_loaded",
            "sys/kernel/debug/memblock/reserved",
            "boot/config-6.12.0",
            "usr/lib/modules/6.12.0/config",
        ] {
            assert!(is_wanted(path), "{path}");
        }
        for path in [
            "proc/1/maps",
            "proc/kcore",
            "sys/firmware/acpi/tables/DSDT",
            "sys/firmware/acpi/tables/dynamic/SSDT1",
            "sys/devices/system/memory/memory7/uevent",
            "sys/devices/system/node/node1/numastat",
            "boot/vmlinuz-6.12.0",
        ] {
            assert!(!is_wanted(path), "{path}");
        }
    }

    #[test]
    fn tables_and_compressed_files_are_not_text() {
        for path in [IOMEM, "sys/devices/system/memory/memory7/state", "proc/sys/kernel/osrelease"] {
            assert!(is_text(path), "{path}");
        }
        for path in [CONFIG_GZ, BOOT_PARAMS, DEVICE_TREE, "sys/firmware/acpi/tables/SRAT", "var/log/dmesg"] {
            assert!(!is_text(path), "{path}");
        }
    }

    #[test]
    fn a_release_never_leads_out_of_its_directory() {
        assert!(config_paths("../../etc/passwd").is_empty());
        assert!(config_paths("..").is_empty());
        assert_eq!(config_paths("6.12.0").first().map(String::as_str), Some("boot/config-6.12.0"));
    }
}
