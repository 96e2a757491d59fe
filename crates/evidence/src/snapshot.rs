//! The plain record of what was read from one machine.
//!
//! A snapshot draws no conclusions: it holds what the files said, and for each file that gave nothing it
//! says why. Tests write one by hand; `host` fills one from a live Linux or from a capture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::source::Source;

/// The version of the snapshot's layout. A reader refuses a larger number; fields that a snapshot of an
/// older version lacks read as [`Source::Missing`].
pub const SCHEMA: u32 = 1;

/// Everything that was read from one machine at one moment.
///
/// Text is kept as the kernel printed it, tables as the firmware left them; only the many small files of
/// sysfs are gathered into records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// The layout's version, [`SCHEMA`].
    pub schema: u32,
    /// Where it was read from: `/`, a directory, or the name of a capture file.
    pub origin: String,
    /// Machine architecture as `uname -m` prints it (`x86_64`, `aarch64`), where something says it.
    pub architecture: Source<String>,
    /// `/proc/version`.
    pub version: Source<String>,
    /// `/proc/cmdline`, without the newline.
    pub command_line: Source<String>,
    /// The kernel's build configuration (`/proc/config.gz` unpacked, or `/boot/config-RELEASE`).
    pub kernel_config: Source<String>,
    /// The kernel log, oldest line first, in the form of `dmesg` or `dmesg --raw`.
    pub kernel_log: Source<String>,
    /// `/proc/iomem`.
    pub iomem: Source<String>,
    /// `/proc/zoneinfo`.
    pub zoneinfo: Source<String>,
    /// `/sys/kernel/boot_params/data` (x86).
    pub boot_params: Source<Bytes>,
    /// `/sys/firmware/memmap`, in order of the entries' numbers (x86).
    pub firmware_memmap: Source<Vec<FirmwareMapEntry>>,
    /// The number of entries of `/sys/firmware/efi/runtime-map` (x86 with EFI).
    pub efi_runtime_entries: Source<u32>,
    /// `/sys/firmware/fdt`, the flattened device tree the kernel was booted with.
    pub device_tree: Source<Bytes>,
    /// The tables of `/sys/firmware/acpi/tables` that speak of memory, by signature.
    pub acpi_tables: BTreeMap<String, Source<Bytes>>,
    /// `/sys/kernel/debug/memblock`, one text a table.
    pub memblock: MemblockFiles,
    /// Kexec handover, `/sys/kernel/debug/kho/out` (6.16 and later).
    pub handover: HandoverFiles,
    /// `/sys/devices/system/memory`.
    pub memory_blocks: Source<MemoryBlocks>,
    /// `/sys/devices/system/cpu/possible`: the list of CPUs that there may ever be, as `0-3`.
    pub possible_cpus: Source<String>,
    /// `/sys/devices/system/node`.
    pub nodes: Source<Nodes>,
    /// `/sys/module/memory_hotplug/parameters`, value by name.
    pub memory_hotplug: BTreeMap<String, Source<String>>,
    /// `/sys/kernel/kexec_*` and `crash_elfcorehdr_size`, and the limits on loads, `/proc/sys/kernel/kexec_load_*`: value
    /// by file name.
    pub kexec: BTreeMap<String, Source<String>>,
}

/// Raw bytes; as JSON a string of hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// One entry of `/sys/firmware/memmap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareMapEntry {
    /// The directory's number: the order in which the kernel made the entries.
    pub index: u32,
    /// First byte.
    pub start: u64,
    /// Last byte, included, as the file says it.
    pub last: u64,
    /// The type as the kernel words it, e.g. `System RAM`.
    pub kind: String,
}

/// The three files of `/sys/kernel/debug/memblock`; present only where the kernel keeps memblock.
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

/// The files of `/sys/kernel/debug/kho/out` that tell the scratch areas; a line for each area, in the kernel's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandoverFiles {
    /// `scratch_phys`: where they begin.
    pub scratch_phys: Source<String>,
    /// `scratch_len`: their bytes.
    pub scratch_len: Source<String>,
}

/// `/sys/devices/system/memory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryBlocks {
    /// Bytes in a memory block.
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
    /// The nodes it is linked to: one, or more where a node boundary lies inside the block.
    pub nodes: Vec<u32>,
    /// The words of `valid_zones`: for an online block its zone, or `none` where it spans several; for an
    /// offline one the zones it could be onlined to, the default first. Empty where the file is missing.
    pub valid_zones: Vec<String>,
    /// The firmware device behind it, e.g. `PNP0C80:00`: the last part of the link `firmware_node`. Read for
    /// the block in which a System RAM resource or a run of blocks begins, which for hot-added memory
    /// speaks for the rest.
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
    /// On its way out.
    GoingOffline,
    /// The file could not be read or held another word.
    Unknown,
}

/// `/sys/devices/system/node`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nodes {
    /// `possible`, `online`, `has_memory`, `has_cpu`, ...: the kernel's lists, by file name.
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
    /// `distance`: to every online node, in their order.
    pub distance: Source<Vec<u32>>,
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = String::with_capacity(self.0.len().saturating_mul(2));
        for byte in &self.0 {
            for nibble in [byte >> 4, byte & 0xf] {
                digits.extend(char::from_digit(nibble.into(), 16));
            }
        }
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let digits = String::deserialize(deserializer)?;
        let bytes = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
                match pair.len() {
                    2 => u8::from_str_radix(pair, 16).map_err(D::Error::custom),
                    _ => Err(D::Error::custom("an odd number of hexadecimal digits")),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(bytes))
    }
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
    fn what_an_older_snapshot_lacks_reads_as_missing() {
        let snapshot: Snapshot = serde_json::from_str(r#"{"schema": 1}"#).unwrap();
        assert_eq!(snapshot.iomem, Source::Missing);
    }

    #[test]
    fn bytes_that_are_no_hexadecimal_pairs_are_refused() {
        assert!(serde_json::from_str::<Bytes>("\"0g\"").is_err());
        assert!(serde_json::from_str::<Bytes>("\"012\"").is_err());
        assert!(serde_json::from_str::<Bytes>("\"é0\"").is_err());
    }
}
