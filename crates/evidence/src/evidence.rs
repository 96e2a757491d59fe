//! The parsed content of a snapshot.

use std::collections::BTreeMap;

use firmware::e820::BootParams;
use memblock::PhysRange;

use crate::armed::ArmedCrash;
use crate::blocks::block_size;
use crate::configuration::Configuration;
use crate::cpu_list;
use crate::kernel_version::KernelVersion;
use crate::log::{BootLog, Purpose, unwrapped};
use crate::memblock_text::MemblockTable;
use crate::record::{KDUMP_RECORD, KEXEC_RECORD, RECORDS, Record};
use crate::resources::{IomemError, ResourceTree};
use crate::settings::{HotplugSettings, KexecSettings};
use crate::snapshot::{Bytes, FirmwareMapEntry, HandoverFiles, MemoryBlocks, Nodes, Snapshot, stand_in};
use crate::source::Source;
use crate::unknown::Unknown;
use crate::zones::{self, Zone};

/// The parsed content of a snapshot's files.
///
/// A source that was not read says why. Text that does not parse is [`Source::Unreadable`], with the file name and the
/// parser's message; where part of it is still usable, the field's doc says so. Binary firmware tables stay bytes:
/// [`firmware`] provides checked views of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Where the snapshot was read from: `/`, a directory, or the name of a capture file.
    pub origin: String,
    /// What it was read from, if that never holds all that a machine shows: `a sosreport`, `a kernel log alone`.
    pub form: Option<String>,
    /// The machine's architecture, as printed by `uname -m`.
    pub architecture: Source<String>,
    /// `/proc/version`.
    pub version: Source<KernelVersion>,
    /// `/proc/cmdline`, without the newline.
    pub command_line: Source<String>,
    /// Facts that were not where they are looked for first: the fact, and the place that showed it instead.
    pub stand_ins: BTreeMap<String, String>,
    /// The kernel's build configuration.
    pub configuration: Source<Configuration>,
    /// The kernel log of the last boot.
    pub log: Source<BootLog>,
    /// `/proc/iomem`.
    pub resources: Source<ResourceTree>,
    /// Why /proc/iomem does not parse. In that case `resources` is unreadable.
    pub iomem_error: Option<IomemError>,
    /// `/proc/zoneinfo`.
    pub zones: Source<Vec<Zone>>,
    /// `/sys/kernel/boot_params/data` (x86).
    pub boot_params: Source<Bytes>,
    /// `/sys/firmware/memmap`, in order of entry number (x86).
    pub firmware_memmap: Source<Vec<FirmwareMapEntry>>,
    /// The number of entries in `/sys/firmware/efi/runtime-map` (x86 with EFI).
    pub efi_runtime_entries: Source<u32>,
    /// `/sys/firmware/fdt`, the device tree the kernel was booted with.
    pub device_tree: Source<Bytes>,
    /// The memory-related tables in `/sys/firmware/acpi/tables`, by signature.
    pub acpi_tables: BTreeMap<String, Source<Bytes>>,
    /// `/sys/kernel/debug/memblock/memory`.
    pub memblock_memory: Source<MemblockTable>,
    /// `/sys/kernel/debug/memblock/reserved`.
    pub memblock_reserved: Source<MemblockTable>,
    /// The KHO scratch areas, in the kernel's order. Unreadable if the two files that list them disagree, missing if
    /// either was not read.
    pub handover_scratch: Source<Vec<PhysRange>>,
    /// How many areas the kernel lists there, with those that it could not allocate; `None` if that was not read.
    pub handover_listed: Option<u64>,
    /// `/sys/devices/system/memory`. If only the nodes' links show the blocks, their size follows from how much memory
    /// each node has, see [`block_size_of_nodes`](Self::block_size_of_nodes).
    pub blocks: Source<MemoryBlocks>,
    /// Whether the size of a memory block is not shown, but the smallest that has room for each node's memory.
    pub block_size_of_nodes: bool,
    /// The number of CPUs listed in `/sys/devices/system/cpu/possible`.
    pub possible_cpus: Source<u64>,
    /// `/sys/devices/system/node`.
    pub nodes: Source<Nodes>,
    /// Memory hotplug settings.
    pub hotplug: HotplugSettings,
    /// kexec settings and state.
    pub kexec: KexecSettings,
    /// The version of kexec-tools, e.g. `2.0.29`.
    pub kexec_tools: Source<String>,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Source<String>,
    /// What physmem wrote down about its last load for a reboot, in this boot or an earlier one.
    pub kexec_record: Source<Record>,
    /// The same for crashes.
    pub kdump_record: Source<Record>,
    /// What lies armed in the crash kernel's memory, whoever loaded it (`/proc/kcore`).
    pub crash_image: Source<ArmedCrash>,
}

impl Evidence {
    /// Unknowns about this evidence: of files that are not there, whether its form holds them.
    pub fn in_its_form(&self, unknown: Vec<Unknown>) -> Vec<Unknown> {
        match &self.form {
            Some(form) => unknown.into_iter().map(|one| one.in_form(form)).collect(),
            None => unknown,
        }
    }

    /// What was taken from another place than the one where it is looked for first.
    pub fn stood_in(&self) -> impl Iterator<Item = Unknown> + '_ {
        self.stand_ins.iter().map(|(what, from)| {
            let why = match what.as_str() {
                stand_in::MEMORY_BLOCKS => "/sys/devices/system/memory does not show them",
                _ => "/proc does not show it",
            };
            Unknown::new(what, why, &format!("taken from {from}"))
        })
    }

    /// physmem's record of its last load for this purpose, if it was made in this boot.
    pub fn record(&self, purpose: Purpose) -> Option<&Record> {
        let record = match purpose {
            Purpose::Reboot => &self.kexec_record,
            Purpose::Crash => &self.kdump_record,
        };
        record.read().filter(|record| self.boot_id.read() == Some(&record.boot_id))
    }

    /// The boot parameters, if they were read and contain a zero page.
    pub fn boot_params(&self) -> Option<BootParams<'_>> {
        BootParams::new(&self.boot_params.read()?.0).ok()
    }

    /// An ACPI table, if it was read.
    pub fn acpi_table(&self, signature: &str) -> Option<&[u8]> {
        Some(&self.acpi_tables.get(signature)?.read()?.0)
    }
}

/// Parses every text once. O(bytes), O(n log n) in resources and regions.
impl From<Snapshot> for Evidence {
    fn from(snapshot: Snapshot) -> Self {
        let parsed = snapshot.iomem.map(|text| ResourceTree::parse(&text));
        let iomem_error = parsed.read().and_then(|tree| tree.as_ref().err().cloned());
        Self {
            version: snapshot.version.map(|text| KernelVersion::parse(&text)),
            configuration: snapshot.kernel_config.map(|text| Configuration::parse(&text)),
            log: snapshot.kernel_log.map(|text| BootLog::of(&unwrapped(&text))),
            resources: parsed.parse("/proc/iomem", |tree| tree),
            iomem_error,
            zones: snapshot.zoneinfo.parse("/proc/zoneinfo", |text| zones::parse(&text)),
            memblock_memory: snapshot.memblock.memory.map(|text| MemblockTable::parse(&text)),
            memblock_reserved: snapshot.memblock.reserved.map(|text| MemblockTable::parse(&text)),
            handover_scratch: scratch(&snapshot.handover),
            handover_listed: snapshot
                .handover
                .scratch_phys
                .read()
                .and_then(|text| u64::try_from(text.lines().count()).ok()),
            possible_cpus: snapshot.possible_cpus.parse("/sys/devices/system/cpu/possible", |list| {
                cpu_list::count(&list).ok_or_else(|| format!("expected a list such as 0-3,8, found `{list}`"))
            }),
            hotplug: HotplugSettings::of(&snapshot.memory_hotplug, &snapshot.memory_blocks),
            kexec: KexecSettings::of(&snapshot.kexec),
            block_size_of_nodes: snapshot.memory_blocks.read().is_some_and(|blocks| blocks.block_size == 0),
            blocks: block_size::with_size(snapshot.memory_blocks, &snapshot.nodes),
            origin: snapshot.origin,
            form: snapshot.form,
            stand_ins: snapshot.stand_ins,
            architecture: snapshot.architecture,
            command_line: snapshot.command_line,
            boot_params: snapshot.boot_params,
            firmware_memmap: snapshot.firmware_memmap,
            efi_runtime_entries: snapshot.efi_runtime_entries,
            device_tree: snapshot.device_tree,
            acpi_tables: snapshot.acpi_tables,
            nodes: snapshot.nodes,
            kexec_tools: snapshot.kexec_tools,
            boot_id: snapshot.boot_id,
            kexec_record: recorded(&snapshot.records, KEXEC_RECORD),
            kdump_record: recorded(&snapshot.records, KDUMP_RECORD),
            crash_image: snapshot.crash_image.parse("/proc/kcore", ArmedCrash::of),
        }
    }
}

/// Like `From<Snapshot>`, but clones the snapshot first.
impl From<&Snapshot> for Evidence {
    fn from(snapshot: &Snapshot) -> Self {
        snapshot.clone().into()
    }
}

/// The record in a file of `/run/physmem`.
fn recorded(records: &BTreeMap<String, Source<String>>, name: &str) -> Source<Record> {
    let text = records.get(name).cloned().unwrap_or_default();
    text.parse(&format!("{RECORDS}/{name}"), |text| {
        serde_json::from_str::<Record>(&text).map_err(|error| error.to_string()).and_then(Record::checked)
    })
}

/// One area per line of the two files in `/sys/kernel/debug/kho/out`.
fn scratch(files: &HandoverFiles) -> Source<Vec<PhysRange>> {
    let (Some(starts), Some(sizes)) = (files.scratch_phys.read(), files.scratch_len.read()) else {
        return Source::Missing;
    };
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let number = |line: &str| u64::from_str_radix(line.trim().strip_prefix("0x")?, 16).ok();
        text.lines().map(number).collect()
    };
    let areas = numbers(starts).zip(numbers(sizes)).filter(|(starts, sizes)| starts.len() == sizes.len());
    // A zero-length area is one the kernel could not allocate.
    let range = |(start, size)| PhysRange::from_size(start, size).ok();
    let areas: Option<Vec<PhysRange>> = areas.and_then(|(starts, sizes)| {
        starts.into_iter().zip(sizes).filter(|area| area.1 > 0).map(range).collect()
    });
    match areas {
        Some(areas) => Source::Read(areas),
        None => Source::Unreadable {
            why: "/sys/kernel/debug/kho/out: scratch_phys and scratch_len do not list the same areas".into(),
            for_lack_of_privilege: false,
        },
    }
}

#[cfg(test)]
mod tests;
