//! A life begins: what a machine shows at one moment, in the form that events change.

mod devices;

use std::collections::BTreeSet;

use evidence::log::Purpose;
use evidence::record::RecordedLoader;
use evidence::settings::AutoOnline;
use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks, Nodes};
use evidence::zones::Zone as ZoneRead;
use evidence::{Evidence, Release, Unknown};
use memblock::PhysRange;
use rules::{Class, Walk};

use super::event::{ImageFor, LoadedBy};
use super::parts::blocks::{Block, Blocks, Online};
use super::parts::devices::DeviceKind;
use super::parts::images::{Image, Images};
use super::parts::policy::Policy;
use super::parts::resources::Resources;
use super::parts::zones::Zones;
use super::state::{FirmwareEntries, FirmwareEntry, KernelFacts, Life};
use crate::Architecture;
use crate::boot::zones::ZoneKind;
use crate::command_line::BootParameters;
use crate::command_line::hotplug::{MemmapOnMemory, OnlinePolicy, OnlineType};
use crate::machine::Machine;
use crate::now::node_map::NodeMap;
use crate::range_set::RangeSet;
use crate::releases::{
    CRASH_HEADER_IS_KEPT_CURRENT, KMEM_CHOOSES_ITS_STATE, MEMMAP_OF_MANY_BLOCKS, Target, is_known,
};

/// Why a machine's life cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// Without the resource tree nothing says where memory is.
    #[error("/proc/iomem is needed to follow memory through events: {0}")]
    NoResources(String),
    /// A size that no kernel has.
    #[error("the memory block size {0:#x} is not a power of two; expected one from 0x1000000")]
    BlockSize(u64),
    /// Without blocks nothing says what is online.
    #[error("/sys/devices/system/memory is needed to follow memory through events: {0}")]
    NoBlocks(String),
}

impl Life {
    /// The life of a machine, from the moment it was read. O(n log n).
    ///
    /// # Errors
    ///
    /// [`LifeError`] if the resource tree or the memory blocks were not read, or make no sense.
    ///
    /// ```
    /// use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks};
    /// use evidence::{Snapshot, Source};
    /// use machine::Machine;
    /// use machine::life::Life;
    ///
    /// let block = |number| MemoryBlock {
    ///     number,
    ///     state: BlockState::Online,
    ///     nodes: vec![0],
    ///     valid_zones: vec!["DMA32".into()],
    ///     firmware_node: None,
    /// };
    /// let blocks = MemoryBlocks { block_size: 128 << 20, blocks: (0..8).map(block).collect(), ..Default::default() };
    /// let snapshot = Snapshot {
    ///     iomem: Source::Read("00000000-3fffffff : System RAM\n".into()),
    ///     memory_blocks: Source::Read(blocks),
    ///     ..Snapshot::default()
    /// };
    /// let mut life = Life::of(&Machine::of(&snapshot)?)?;
    /// let change = life.apply(&"add dimm 256M at 0x100000000 node 0".parse()?)?;
    /// assert_eq!(change.items[0].after.as_deref(), Some("System RAM"));
    /// assert!(life.iomem().ends_with("100000000-10fffffff : System RAM\n"));
    /// assert_eq!(life.blocks().count(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(machine: &Machine) -> Result<Self, LifeError> {
        let evidence = &machine.evidence;
        let why = |unknown: Option<Unknown>| unknown.map_or_else(String::new, |unknown| unknown.why);
        let Some(tree) = evidence.resources.read() else {
            return Err(LifeError::NoResources(why(Unknown::from_source(
                "/proc/iomem",
                &evidence.resources,
                "",
            ))));
        };
        let Some(read) = evidence.blocks.read() else {
            let unknown = Unknown::from_source("/sys/devices/system/memory", &evidence.blocks, "");
            return Err(LifeError::NoBlocks(why(unknown)));
        };
        if !read.block_size.is_power_of_two() || read.block_size < machine.kernel.page_size {
            return Err(LifeError::BlockSize(read.block_size));
        }
        let parameters = parameters(machine);
        let mut unknown = Vec::new();
        let mut life = Self {
            resources: Resources::of(tree, is_mergeable),
            blocks: Blocks::new(read.block_size),
            zones: Zones::default(),
            devices: devices::of(machine),
            firmware_map: evidence.firmware_memmap.read().map(|entries| FirmwareEntries::of(entries)),
            memblock: evidence
                .memblock_memory
                .read()
                .filter(|_| machine.kernel.facts.walk == Walk::Memblock)
                .map(|table| table.regions.iter().copied().collect()),
            policy: policy(evidence, &parameters, &mut unknown),
            images: images(evidence, machine),
            struct_pages: 0,
            kernel: facts(machine, &parameters),
            possible_nodes: node_list(evidence.nodes.read(), "possible"),
            cpu_nodes: node_list(evidence.nodes.read(), "has_cpu").unwrap_or_default(),
            windows: machine.hotpluggable.ranges.clone(),
            unknown: Vec::new(),
            now: "start".to_owned(),
        };
        life.add_blocks(machine, read);
        life.unknown = unknown;
        Ok(life)
    }

    /// The blocks, and the zones that they are online in.
    fn add_blocks(&mut self, machine: &Machine, read: &MemoryBlocks) {
        let page = self.kernel.page;
        let whole = |range: PhysRange| range.shrink_to_multiples(page);
        let ram: RangeSet =
            self.resources.system_ram().into_iter().filter_map(|(range, _)| whole(range)).collect();
        // The kernel keeps some boot memory to itself, which is no resource (NOMAP).
        let kept = machine.evidence.memblock_memory.read().map_or(&[][..], |table| &table.regions);
        let memory: RangeSet = ram.iter().chain(kept.iter().map(|region| region.range)).collect();
        let added =
            |range: &&crate::MemoryRange| matches!(range.class, Some(Class::HotAdded | Class::DriverManaged));
        let added: RangeSet = machine.ranges.iter().filter(added).map(|range| range.range).collect();
        let zones: Vec<(u32, ZoneKind, PhysRange, &ZoneRead)> = machine
            .zones()
            .iter()
            .filter_map(|zone| Some((zone.node, kind(&zone.name)?, zone.span(page)?, zone)))
            .collect();
        for (node, kind, span, zone) in &zones {
            self.zones.begin(*node, *kind, *span, zone.cma.saturating_mul(page));
        }
        let nodes = NodeMap::of(&machine.evidence, page);
        let spanning = |range: PhysRange| zones.iter().filter(move |zone| zone.2.overlaps(range));
        for block in &read.blocks {
            let Some(range) = read.range_of(block) else { continue };
            let is_early = !added.overlaps(range);
            let online = online(block, || {
                let mut found: Vec<_> = ram.within(range).flat_map(&spanning).map(|zone| zone.1).collect();
                found.dedup();
                found
            });
            let present = ram.bytes_within(range);
            let node = block.nodes.first().copied().or_else(|| spanning(range).next().map(|zone| zone.0));
            let node = node.unwrap_or_default();
            let device = if is_early { None } else { self.devices.at(range.start()) };
            let number = block_number(range, read.block_size);
            if let (Online::In(zone), Some(device)) =
                (online, device.and_then(|number| self.devices.get_mut(number)))
            {
                device.block_changed(number, read.block_size, zone, true);
            }
            // Where nothing shows which part of it is memory, all of it may be.
            let parts: Vec<PhysRange> = memory.within(range).collect();
            let parts = if parts.is_empty() { vec![range] } else { parts };
            match online {
                Online::In(zone) if block.nodes.len() <= 1 => {
                    for part in parts {
                        let part =
                            self.zones.span(node, zone).map_or(Some(part), |span| part.intersect(span));
                        let Some(part) = part else { continue };
                        self.zones.grow(node, zone, part, ram.bytes_within(part), is_early);
                    }
                }
                Online::No => {}
                _ => {
                    for (part, own) in parts.into_iter().flat_map(|part| nodes.split(part)) {
                        for (node, zone, span, _) in spanning(part) {
                            let Some(inside) = part.intersect(*span) else { continue };
                            if own.is_none_or(|own| own == *node) {
                                self.zones.grow(*node, *zone, inside, ram.bytes_within(inside), is_early);
                            }
                        }
                    }
                }
            }
            if !is_early {
                self.struct_pages = self.struct_pages.saturating_add(self.struct_pages_of(read.block_size));
            }
            let spans_nodes = block.nodes.len() > 1;
            let block =
                Block { online, node, spans_nodes, present, is_early, device, is_pinned: false, memmap: 0 };
            self.blocks.insert(number, block);
        }
        for (node, kind, _, zone) in &zones {
            self.zones.set_present(*node, *kind, zone.present.saturating_mul(page));
        }
        let size = read.block_size;
        for device in self.devices.iter_mut() {
            let DeviceKind::VirtioMem(virtio) = &mut device.kind else { continue };
            // Its blocks come and go one by one from now on.
            let ranges = std::mem::take(&mut device.ranges);
            for number in ranges.iter().flat_map(|range| range.start() / size..=range.last() / size) {
                if let Some(block) = self.blocks.get(number) {
                    virtio.plugged.set(number, size);
                    virtio.plugged.changed(number, block.online);
                }
            }
            virtio.requested = virtio.plugged.bytes();
        }
    }
}

fn block_number(range: PhysRange, size: u64) -> u64 {
    range.start() / size.max(1)
}

/// Whether the driver of this System RAM lets its neighbors join.
pub(super) fn is_mergeable(name: &str) -> bool {
    name == "System RAM (virtio_mem)"
}

fn kind(name: &str) -> Option<ZoneKind> {
    [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable]
        .into_iter()
        .find(|kind| kind.as_str() == name)
}

fn online(block: &MemoryBlock, spanned: impl FnOnce() -> Vec<ZoneKind>) -> Online {
    match (block.state, block.valid_zones.as_slice()) {
        (BlockState::Offline, _) => Online::No,
        (_, [zone]) => kind(zone).map_or(Online::InSeveral, Online::In),
        _ => match spanned().as_slice() {
            [zone] => Online::In(*zone),
            _ => Online::InSeveral,
        },
    }
}

/// The architecture; where nothing names it, that of the map it boots with.
fn architecture(machine: &Machine) -> Architecture {
    let by_map = || Architecture::from_map(machine.kernel.facts.map_handed_on);
    machine.kernel.architecture.or_else(by_map).unwrap_or(Architecture::ALL[0])
}

/// The kernel, for the table of releases; the release that was checked where nothing shows another.
fn target(machine: &Machine) -> Target {
    let release = machine.kernel.release.as_deref().and_then(|release| release.parse::<Release>().ok());
    Target::new(architecture(machine), release.unwrap_or_else(crate::releases::checked))
}

fn parameters(machine: &Machine) -> BootParameters {
    let target = target(machine);
    BootParameters::parse(&machine.kernel.command_line, target.architecture, &target.release)
}

fn facts(machine: &Machine, parameters: &BootParameters) -> KernelFacts {
    let evidence = &machine.evidence;
    let is_off = |name| evidence.configuration.read().is_some_and(|options| options.is_off(name));
    let target = target(machine);
    let page = machine.kernel.page_size;
    KernelFacts {
        page,
        rules: machine.kernel.facts,
        boot_memory_stays: machine.kernel.facts.boot_memory_stays,
        lacks_hot_add: is_off("MEMORY_HOTPLUG"),
        lacks_hot_remove: machine.kernel.facts.lacks_hot_remove,
        no_acpi_memory: parameters.acpi.no_memhotplug || is_off("ACPI_HOTPLUG_MEMORY"),
        limit: target.architecture.facts().hot_add_limit(machine.state.page_table_levels),
        memmap_of_many_blocks: is_known(MEMMAP_OF_MANY_BLOCKS, &target),
        kmem_chooses_state: is_known(KMEM_CHOOSES_ITS_STATE, &target),
        struct_page: 64,
        // A table of the lowest level holds one page's worth of 8-byte entries.
        huge_page: (page / 8).saturating_mul(page),
    }
}

/// The settings as sysfs shows them; else as the command line, or the configuration, or the kernel's default says.
fn policy(evidence: &Evidence, parameters: &BootParameters, unknown: &mut Vec<Unknown>) -> Policy {
    let given = parameters.hotplug;
    let shown = &evidence.hotplug;
    let state = shown.auto_online.read().copied().or_else(|| given.default_state.map(auto_online));
    let state = state.or_else(|| configured(evidence)).unwrap_or_else(|| {
        unknown.push(Unknown::new(
            "/sys/devices/system/memory/auto_online_blocks",
            "it was not read, and neither the command line nor the configuration says what happens to added blocks",
            "they stay offline here; the event `policy state=online` says otherwise",
        ));
        AutoOnline::Offline
    });
    let online = shown.online_policy.read().and_then(|word| OnlinePolicy::from_word(word.trim()));
    let memmap = shown.memmap_on_memory.read().map(|word| match word.trim() {
        "Y" => MemmapOnMemory::On,
        "force" => MemmapOnMemory::Force,
        _ => MemmapOnMemory::Off,
    });
    let ratio = shown.auto_movable_ratio.read().copied();
    let aware = shown.auto_movable_numa_aware.read().copied();
    Policy {
        state,
        online: online.or(given.online_policy).unwrap_or(OnlinePolicy::ContigZones),
        ratio: ratio.or(given.auto_movable_ratio.map(u64::from)).unwrap_or(DEFAULT_RATIO),
        numa_aware: aware.or(given.auto_movable_numa_aware).unwrap_or(true),
        movable_node: parameters.movable.movable_node,
        memmap_on_memory: memmap.or(given.memmap_on_memory).unwrap_or(MemmapOnMemory::Off),
    }
}

/// The default of `auto_movable_ratio`, in percent (mm/memory_hotplug.c, 6.12).
const DEFAULT_RATIO: u64 = 301;

const fn auto_online(state: OnlineType) -> AutoOnline {
    match state {
        OnlineType::Offline => AutoOnline::Offline,
        OnlineType::Online => AutoOnline::Online,
        OnlineType::OnlineKernel => AutoOnline::OnlineKernel,
        OnlineType::OnlineMovable => AutoOnline::OnlineMovable,
    }
}

/// What the kernel was built to do with added blocks.
fn configured(evidence: &Evidence) -> Option<AutoOnline> {
    let options = evidence.configuration.read()?;
    Some(if options.has("MHP_DEFAULT_ONLINE_TYPE_ONLINE_MOVABLE") {
        AutoOnline::OnlineMovable
    } else if options.has("MHP_DEFAULT_ONLINE_TYPE_ONLINE_KERNEL") {
        AutoOnline::OnlineKernel
    } else if options.has("MHP_DEFAULT_ONLINE_TYPE_ONLINE_AUTO")
        || options.has("MEMORY_HOTPLUG_DEFAULT_ONLINE")
    {
        AutoOnline::Online
    } else {
        AutoOnline::Offline
    })
}

/// `0-3,8`, in the file of this name.
fn node_list(nodes: Option<&Nodes>, name: &str) -> Option<BTreeSet<u32>> {
    let text = nodes?.lists.get(name)?.read()?;
    let mut found = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        // The largest configuration has 2^10 nodes.
        found.extend(first..=last.min(first.saturating_add(1 << 10)));
    }
    Some(found)
}

impl FirmwareEntries {
    fn of(entries: &[evidence::snapshot::FirmwareMapEntry]) -> Self {
        let mut all = Self::default();
        for entry in entries {
            let kept = FirmwareEntry { start: entry.start, last: entry.last, kind: entry.kind.clone() };
            all.next = all.next.max(entry.index.saturating_add(1));
            all.insert(entry.index, kept);
        }
        all
    }
}

fn images(evidence: &Evidence, machine: &Machine) -> Images {
    let loads = evidence.log.read().map(|log| &log.loads);
    let crash_hotplug = &evidence.hotplug.crash_hotplug;
    let image = |purpose, follows| {
        if let Some(record) = evidence.record(purpose) {
            let by = match record.loader {
                RecordedLoader::KexecFileLoad => LoadedBy::File,
                RecordedLoader::KexecLoad => LoadedBy::Load,
            };
            let at = record.segments.iter().map(|segment| segment.range.0).collect();
            return Image::new(Some(by), at, follows, false);
        }
        let record = loads.and_then(|loads| loads.last(purpose));
        let at = record.map(|load| load.segments.iter().map(|segment| segment.range).collect());
        Image::new(record.map(|_| LoadedBy::File), at.unwrap_or_default(), follows, false)
    };
    let keeps = machine.kernel.release.is_some() && is_known(CRASH_HEADER_IS_KEPT_CURRENT, &target(machine));
    let mut images = Images::new(crash_hotplug.read().is_some() || keeps);
    if evidence.kexec.loaded.read() == Some(&true) {
        images.set(ImageFor::Kexec, Some(image(Purpose::Reboot, false)));
    }
    if evidence.kexec.crash_loaded.read() == Some(&true) {
        let follows = crash_hotplug.read() == Some(&true);
        images.set(ImageFor::Kdump, Some(image(Purpose::Crash, follows)));
    }
    images
}
