//! The raw record of what was read from one machine.
//!
//! A snapshot draws no conclusions: it holds what each file contained, or why it could not be read. Tests write one by
//! hand; `host` fills one from a live Linux or from a capture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::armed::CrashImage;
use crate::source::Source;

pub use crate::bytes::Bytes;

/// The version of the snapshot layout. A reader rejects larger numbers; fields that an older snapshot lacks are read as
/// [`Source::Missing`].
pub const SCHEMA: u32 = 1;

/// Everything read from one machine at one moment.
///
/// Text is kept as the kernel printed it and tables as the firmware provided them; only the many small sysfs files are
/// gathered into records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// The layout version, [`SCHEMA`].
    pub schema: u32,
    /// Where it was read from: `/`, a directory, or the name of a capture file.
    pub origin: String,
    /// What it was read from, if that never holds all that a machine shows: `a sosreport`, `a kernel log alone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The machine architecture as `uname -m` prints it (`x86_64`, `aarch64`), if known.
    pub architecture: Source<String>,
    /// `/proc/version`.
    pub version: Source<String>,
    /// `/proc/cmdline`, without the newline.
    pub command_line: Source<String>,
    /// Facts that were not where they are looked for first: the fact ([`stand_in`] has the words), and the place that
    /// showed it instead.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stand_ins: BTreeMap<String, String>,
    /// The kernel's build configuration (`/proc/config.gz` unpacked, or `/boot/config-RELEASE`).
    pub kernel_config: Source<String>,
    /// The kernel log, oldest line first, in the format of `dmesg` or `dmesg --raw`.
    pub kernel_log: Source<String>,
    /// `/proc/iomem`.
    pub iomem: Source<String>,
    /// `/proc/zoneinfo`.
    pub zoneinfo: Source<String>,
    /// `/sys/kernel/boot_params/data` (x86).
    pub boot_params: Source<Bytes>,
    /// `/sys/firmware/memmap`, in order of entry number (x86).
    pub firmware_memmap: Source<Vec<FirmwareMapEntry>>,
    /// The number of entries in `/sys/firmware/efi/runtime-map` (x86 with EFI).
    pub efi_runtime_entries: Source<u32>,
    /// `/sys/firmware/fdt`, the flattened device tree the kernel was booted with.
    pub device_tree: Source<Bytes>,
    /// The memory-related tables in `/sys/firmware/acpi/tables`, by signature.
    pub acpi_tables: BTreeMap<String, Source<Bytes>>,
    /// `/sys/kernel/debug/memblock`, one text per table.
    pub memblock: MemblockFiles,
    /// Kexec handover, `/sys/kernel/debug/kho/out` (6.16 and later).
    pub handover: HandoverFiles,
    /// `/sys/devices/system/memory`.
    pub memory_blocks: Source<MemoryBlocks>,
    /// `/sys/devices/system/cpu/possible`: the list of possible CPUs, e.g. `0-3`.
    pub possible_cpus: Source<String>,
    /// `/sys/devices/system/node`.
    pub nodes: Source<Nodes>,
    /// `/sys/module/memory_hotplug/parameters`, values by name.
    pub memory_hotplug: BTreeMap<String, Source<String>>,
    /// `/sys/kernel/kexec_*`, `crash_elfcorehdr_size`, and the load limits `/proc/sys/kernel/kexec_load_*`: values by
    /// file name.
    pub kexec: BTreeMap<String, Source<String>>,
    /// The version of kexec-tools, e.g. `2.0.29`: from the program, or a list of packages.
    pub kexec_tools: Source<String>,
    /// `/proc/sys/kernel/random/boot_id`: another for each boot.
    pub boot_id: Source<String>,
    /// `/run/physmem`: what physmem wrote down about its last loads, by file name: `kexec.json`, `kdump.json`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Source<String>>,
    /// What lies armed in the crash kernel's memory, read through `/proc/kcore`. Missing if nothing is loaded there.
    #[serde(skip_serializing_if = "Source::is_missing")]
    pub crash_image: Source<CrashImage>,
}

/// The facts that [`Snapshot::stand_ins`] names.
pub mod stand_in {
    /// [`Snapshot::version`](super::Snapshot::version).
    pub const RELEASE: &str = "the kernel's release";
    /// [`Snapshot::command_line`](super::Snapshot::command_line).
    pub const COMMAND_LINE: &str = "the command line";
    /// [`Snapshot::architecture`](super::Snapshot::architecture).
    pub const ARCHITECTURE: &str = "the architecture";
    /// [`Snapshot::memory_blocks`](super::Snapshot::memory_blocks).
    pub const MEMORY_BLOCKS: &str = "the memory blocks";
}

/// One entry of `/sys/firmware/memmap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareMapEntry {
    /// The directory's number: the order in which the kernel created the entries.
    pub index: u32,
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive, as in the file.
    pub last: u64,
    /// The type as the kernel prints it, e.g. `System RAM`.
    pub kind: String,
}

/// The three files of `/sys/kernel/debug/memblock`; present only if the kernel keeps memblock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemblockFiles {
    /// `memory`.
    pub memory: Source<String>,
    /// `reserved`.
    pub reserved: Source<String>,
    /// `physmem`, on the few architectures that have it.
    pub physmem: Source<String>,
}

/// The files in `/sys/kernel/debug/kho/out` that list the scratch areas: one line per area, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandoverFiles {
    /// `scratch_phys`: their start addresses.
    pub scratch_phys: Source<String>,
    /// `scratch_len`: their sizes in bytes.
    pub scratch_len: Source<String>,
}

/// `/sys/devices/system/memory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryBlocks {
    /// Bytes per memory block; 0 if only the nodes' links show the blocks, and nothing shows their size.
    pub block_size: u64,
    /// `auto_online_blocks`.
    pub auto_online: Source<String>,
    /// `crash_hotplug`.
    pub crash_hotplug: Source<String>,
    /// The blocks, by ascending number.
    pub blocks: Vec<MemoryBlock>,
}

/// One memory block, `/sys/devices/system/memory/memoryN`: bytes `N * block_size` to `(N + 1) * block_size`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBlock {
    /// N.
    pub number: u64,
    /// The file `state`.
    pub state: BlockState,
    /// The nodes it is linked to: one, or more if a node boundary lies inside the block.
    pub nodes: Vec<u32>,
    /// The words in `valid_zones`. For an online block: its zone, or `none` if it spans several. For an offline block:
    /// the zones it could be onlined to, the default first. Empty if the file is missing.
    pub valid_zones: Vec<String>,
    /// The firmware device that provides the block, e.g. `PNP0C80:00`: the last part of the link `firmware_node`. Read
    /// only for the first block of a System RAM resource or of a run of blocks; for hot-added memory, the rest share
    /// it.
    pub firmware_node: Option<String>,
}

/// The state of a memory block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockState {
    /// In use.
    Online,
    /// Added, but not in use.
    Offline,
    /// Being taken offline.
    GoingOffline,
    /// The file could not be read, or held another word.
    Unknown,
}

/// `/sys/devices/system/node`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nodes {
    /// `possible`, `online`, `has_memory`, `has_cpu`, ...: the kernel's node lists, by file name.
    pub lists: BTreeMap<String, Source<String>>,
    /// The node directories, by ascending number.
    pub nodes: Vec<Node>,
}

/// One NUMA node, `/sys/devices/system/node/nodeN`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// N.
    pub number: u32,
    /// `cpulist`; empty for a node without CPUs.
    pub cpulist: Source<String>,
    /// `distance`: to every online node, in node order.
    pub distance: Source<Vec<u32>>,
    /// `MemTotal` in `meminfo`, in bytes. Read only if there is no `/sys/devices/system/memory`.
    pub memory_total: Source<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_survives_json_unchanged() {
        let snapshot = Snapshot {
            schema: SCHEMA,
            iomem: Source::Read("00001000-00001fff : System RAM\n".into()),
            boot_params: Source::Read(Bytes(vec![0, 0xff, 0x10])),
            device_tree: Source::Unreadable { why: "denied".into(), for_lack_of_privilege: true },
            ..Snapshot::default()
        };
        let json = serde_json::to_string(&snapshot).unwrap();
        assert!(json.contains("\"00ff10\""), "{json}");
        assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    }

    #[test]
    fn fields_that_an_older_snapshot_lacks_are_missing() {
        let snapshot: Snapshot = serde_json::from_str(r#"{"schema": 1}"#).unwrap();
        assert_eq!(snapshot.iomem, Source::Missing);
    }
}
