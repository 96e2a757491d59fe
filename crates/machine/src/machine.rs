//! A machine's memory, understood.

use std::borrow::Cow;

use firmware::log::MemblockList;
use rules::Class;
use memblock::{PhysRange, RegionFlags};

use crate::classify::Evidence;
use crate::facts::Facts;
use crate::firmware_map::FirmwareMap;
use crate::hotpluggable::Hotpluggable;
use crate::kernel::Kernel;
use crate::memblock_text;
use crate::memory_range::{MemoryRange, Provider};
use crate::node_map::NodeMap;
use crate::range_set::RangeSet;
use crate::resources::{IomemError, ResourceTree};
use crate::snapshot::{Snapshot, Source};
use crate::unknown::Unknown;
use crate::zones::{self, Zone};

/// One machine's physical memory at one moment.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kernel that runs it.
    pub kernel: Kernel,
    /// Its memory, ascending. Where /proc/iomem was read, the ranges are exactly the kernel's System RAM:
    /// each resource is one range, or several where class or node change inside it.
    pub ranges: Vec<MemoryRange>,
    /// The resource tree, where /proc/iomem could be read.
    pub resources: Option<ResourceTree>,
    /// The zones of every node.
    pub zones: Vec<Zone>,
    /// What the firmware's map says.
    pub firmware: FirmwareMap,
    /// What the firmware calls hot-pluggable.
    pub hotpluggable: Hotpluggable,
    /// What could not be known.
    pub unknown: Vec<Unknown>,
}

/// Why a snapshot could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// /proc/iomem is not as a kernel prints it.
    #[error("/proc/iomem: {0}")]
    Iomem(#[from] IomemError),
    /// There is nothing to see: neither /proc/iomem nor memory blocks could be read.
    #[error("no memory can be shown: {iomem}; {blocks}")]
    Nothing {
        /// Why /proc/iomem gave nothing.
        iomem: String,
        /// Why the memory blocks gave nothing.
        blocks: String,
    },
}

impl Machine {
    /// Draws the conclusions from a snapshot. O(n log n) in resources and memory blocks.
    ///
    /// # Errors
    ///
    /// [`MachineError`] when /proc/iomem is malformed, or when there is nothing to show at all. Every other
    /// lack becomes an entry of [`Machine::unknown`].
    ///
    /// ```
    /// use machine::snapshot::{Snapshot, Source};
    /// use rules::Class;
    ///
    /// let snapshot = Snapshot {
    ///     iomem: Source::Read("140000000-17fffffff : virtio2\n  140000000-147ffffff : System RAM (virtio_mem)\n".into()),
    ///     ..Snapshot::default()
    /// };
    /// let machine = machine::Machine::of(&snapshot)?;
    /// assert_eq!(machine.ranges[0].class, Some(Class::DriverManaged));
    /// assert_eq!(machine.ranges[0].provider.to_string(), "virtio_mem over virtio2");
    /// # Ok::<(), machine::MachineError>(())
    /// ```
    pub fn of(snapshot: &Snapshot) -> Result<Self, MachineError> {
        let of_this_boot = this_boot(snapshot);
        let snapshot = of_this_boot.as_ref();
        let mut unknown = Vec::new();
        let resources = snapshot.iomem.read().map(|text| ResourceTree::parse(text)).transpose()?;
        let blocks = Unknown::from_source(
            "/sys/devices/system/memory",
            &snapshot.memory_blocks,
            "blocks are not shown; states and zones are told from /proc/zoneinfo",
        );
        let iomem = Unknown::from_source(
            "/proc/iomem",
            &snapshot.iomem,
            "ranges are put together from whole memory blocks: holes inside them do not show, and nothing tells which driver added memory",
        );
        if let (Some(iomem), Some(blocks)) = (&iomem, &blocks) {
            return Err(MachineError::Nothing { iomem: iomem.why.clone(), blocks: blocks.why.clone() });
        }
        unknown.extend(iomem.into_iter().chain(blocks));

        let zones = zones_of(snapshot, &mut unknown);
        let kernel = Kernel::of(snapshot, resources.as_ref(), &zones, &mut unknown);
        let firmware = FirmwareMap::of(snapshot, &kernel.command_line, &mut unknown);
        let hotpluggable = Hotpluggable::of(snapshot, &kernel, &mut unknown);
        for (file, text) in [("memory", &snapshot.memblock.memory), ("reserved", &snapshot.memblock.reserved)]
        {
            let text = text.read().map_or("", String::as_str);
            if let Some(error) = memblock_text::regions(text).find_map(Result::err) {
                let file = format!("/sys/kernel/debug/memblock/{file}");
                unknown.push(Unknown::new(&file, &format!("{file}: {error}"), "that region is left out"));
            }
        }
        let evidence = Evidence {
            snapshot,
            tree: resources.as_ref(),
            facts: Facts::new(snapshot, resources.as_ref(), &zones, kernel.page_size),
            kernel: &kernel,
            firmware: &firmware,
            hotpluggable: &hotpluggable,
            early: early_ranges(snapshot),
            hotplug_when_zones_were_sized: hotplug_when_zones_were_sized(snapshot),
            nodes: NodeMap::of(snapshot, &zones, kernel.page_size),
        };
        let ranges = evidence.ranges(&mut unknown);
        Ok(Self { kernel, ranges, resources, zones, firmware, hotpluggable, unknown })
    }

    /// The range an address lies in. O(log n).
    pub fn range_at(&self, address: u64) -> Option<&MemoryRange> {
        let index = self.ranges.partition_point(|range| range.range.end() <= address);
        self.ranges.get(index).filter(|range| range.range.contains(address))
    }

    /// The memory at an address that memblock holds but /proc/iomem does not call System RAM: NOMAP, for
    /// the most part. `None` where there is none, or where memblock is not shown.
    pub fn kept_out_at(&self, snapshot: &Snapshot, address: u64) -> Option<MemoryRange> {
        let text = snapshot.memblock.memory.read()?;
        let region =
            memblock_text::regions(text).filter_map(Result::ok).find(|r| r.range.contains(address))?;
        let node = region.node.map(memblock::NodeId::get);
        let boot = MemoryRange {
            class: Some(Class::Boot),
            evidence: "memblock.memory holds it, and /proc/iomem does not call it System RAM".to_owned(),
            provider: Provider::Firmware(self.firmware.kind),
            node,
            listed_by_firmware: self.firmware.ram.as_ref().is_some_and(|ram| ram.overlaps(region.range)),
            ..MemoryRange::at(region.range)
        };
        let filled = self.parts(snapshot).of(&boot, region.range);
        if region.flags.contains(RegionFlags::NOMAP) {
            // Its block's zone and state are those of the memory around it.
            return Some(MemoryRange { flags: Some(region.flags), blocks: filled.blocks, ..boot });
        }
        Some(MemoryRange { flags: Some(region.flags), ..filled })
    }

    /// Asks for parts of the ranges. `snapshot` is the one this machine was made of.
    pub fn parts<'a>(&'a self, snapshot: &'a Snapshot) -> Parts<'a> {
        Parts(Facts::new(snapshot, self.resources.as_ref(), &self.zones, self.kernel.page_size))
    }

    /// The ranges that overlap `range`, ascending.
    pub fn ranges_in(&self, range: PhysRange) -> impl Iterator<Item = &MemoryRange> {
        self.ranges.iter().filter(move |memory| memory.range.overlaps(range))
    }
}

/// Gives parts of a machine's ranges; made once, asked often.
#[derive(Clone, Debug)]
pub struct Parts<'a>(Facts<'a>);

impl Parts<'_> {
    /// A part of one of the ranges, with the zones, blocks, state, flags and reservations of just that part.
    pub fn of(&self, memory: &MemoryRange, part: PhysRange) -> MemoryRange {
        self.0.fill(MemoryRange { range: part, ..memory.clone() })
    }
}

/// A log that was collected over several boots is cut to the last: what an earlier one printed of memory is
/// not true of this one.
fn this_boot(snapshot: &Snapshot) -> Cow<'_, Snapshot> {
    let log = snapshot.kernel_log.read().map_or("", String::as_str);
    let banners: Vec<usize> = log
        .match_indices("Linux version ")
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = log.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or("");
            // The banner stands behind the stamp, if there is one, and nothing else.
            before.is_empty() || before.ends_with("] ") || before.ends_with("kernel: ")
        })
        .collect();
    match banners.as_slice() {
        [_, .., last] => {
            let last = log.get(*last..).unwrap_or_default().to_owned();
            Cow::Owned(Snapshot { kernel_log: Source::Read(last), ..snapshot.clone() })
        }
        _ => Cow::Borrowed(snapshot),
    }
}

/// Where memblock carried HOTPLUG in the last dump that knows nodes: the one the kernel prints after NUMA
/// was set up, right before it sizes the zones.
fn hotplug_when_zones_were_sized(snapshot: &Snapshot) -> Option<RangeSet> {
    let log = snapshot.kernel_log.read()?;
    let regions = firmware::log::memblock(log.as_bytes()).regions().filter_map(Result::ok);
    let with_node: Vec<_> =
        regions.filter(|region| region.list == MemblockList::Memory && region.node.is_some()).collect();
    let hotplug = with_node.iter().filter(|region| region.flags.contains(RegionFlags::HOTPLUG));
    (!with_node.is_empty()).then(|| hotplug.map(|region| region.range).collect())
}

fn zones_of(snapshot: &Snapshot, unknown: &mut Vec<Unknown>) -> Vec<Zone> {
    const EFFECT: &str = "zones are told from the memory blocks alone";
    unknown.extend(Unknown::from_source("/proc/zoneinfo", &snapshot.zoneinfo, EFFECT));
    let text = snapshot.zoneinfo.read().map_or("", String::as_str);
    zones::parse(text).unwrap_or_else(|error| {
        unknown.push(Unknown::new("/proc/zoneinfo", &format!("/proc/zoneinfo: {error}"), EFFECT));
        Vec::new()
    })
}

/// What the kernel printed below `Early memory node ranges`. A log whose beginning was overwritten may hold
/// only the tail of that list: without its heading it is not taken.
fn early_ranges(snapshot: &Snapshot) -> Option<RangeSet> {
    let log = snapshot.kernel_log.read().filter(|log| log.contains("Early memory node ranges"))?;
    let ranges = firmware::log::early_node_ranges(log.as_bytes()).filter_map(Result::ok);
    let set: RangeSet = ranges.map(|early| early.range).collect();
    (!set.is_empty()).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};

    const GIB: u64 = 1 << 30;

    fn blocks(numbers: impl Iterator<Item = u64>) -> Source<MemoryBlocks> {
        let block = |number| MemoryBlock {
            number,
            state: BlockState::Online,
            nodes: vec![0],
            valid_zones: vec!["Normal".into()],
            firmware_node: None,
        };
        Source::Read(MemoryBlocks {
            block_size: 128 << 20,
            blocks: numbers.map(block).collect(),
            ..MemoryBlocks::default()
        })
    }

    fn ram(index: u32, start: u64, end: u64) -> FirmwareMapEntry {
        FirmwareMapEntry { index, start, last: end - 1, kind: "System RAM".into() }
    }

    #[test]
    fn without_iomem_each_block_speaks_for_itself() {
        let snapshot = Snapshot {
            iomem: Source::Unreadable { why: "zeros".into(), for_lack_of_privilege: true },
            memory_blocks: blocks(32..52),
            firmware_memmap: Source::Read(vec![ram(0, 0, GIB), ram(1, 4 * GIB, 5 * GIB + GIB / 2)]),
            kernel_log: Source::Read(
                "ACPI: SRAT: Node 0 PXM 0 [mem 0x140000000-0x15fffffff] hotplug\n".into(),
            ),
            ..Snapshot::default()
        };
        let machine = Machine::of(&snapshot).unwrap();
        let found: Vec<_> = machine.ranges.iter().map(|m| (m.range.start() / GIB, m.class)).collect();
        let half = machine.ranges[1].range;
        assert_eq!(found, [(4, Some(Class::Boot)), (5, Some(Class::BootHotpluggable)), (5, None)]);
        assert_eq!((half.start(), half.end()), (5 * GIB, 5 * GIB + GIB / 2));
    }

    #[test]
    fn a_log_of_two_boots_speaks_of_the_last() {
        let boot = |ranges: &str| {
            format!("[    0.000000] Linux version 6.12.1 (x)\n[    0.0] Early memory node ranges\n{ranges}")
        };
        let low = "[    0.0]   node   0: [mem 0x0000000000100000-0x000000007fffffff]\n";
        let high = "[    0.0]   node   0: [mem 0x0000000100000000-0x000000013fffffff]\n";
        let with = |log: String| {
            let iomem = "00100000-7fffffff : System RAM\n100000000-13fffffff : System RAM\n";
            let snapshot = Snapshot {
                iomem: Source::Read(iomem.into()),
                kernel_log: Source::Read(log),
                ..Snapshot::default()
            };
            Machine::of(&snapshot).unwrap().ranges[1].class
        };
        assert_eq!(with(boot(&format!("{low}{high}"))), Some(Class::Boot));
        assert_eq!(with(boot(&format!("{low}{high}")) + &boot(low)), Some(Class::HotAdded));
    }

    #[test]
    fn less_than_a_page_that_the_boot_drops_was_not_added_later() {
        // A crash kernel that kexec-tools loaded is told of the KiB behind its header.
        let log = "[    0.000000] Linux version 6.12.1 (x)\n[    0.0] Early memory node ranges\n\
                   [    0.0]   node   0: [mem 0x000000006b000000-0x000000007af5cfff]\n";
        let class = |last: &str| {
            let snapshot = Snapshot {
                iomem: Source::Read(format!("6b000000-7af5cfff : System RAM\n{last} : System RAM\n")),
                kernel_log: Source::Read(log.into()),
                ..Snapshot::default()
            };
            Machine::of(&snapshot).unwrap().ranges[1].class
        };
        assert_eq!(class("7afffc00-7affffff"), Some(Class::Boot));
        assert_eq!(class("7afffc00-7b0003ff"), Some(Class::Boot));
        assert_eq!(class("100000000-107ffffff"), Some(Class::HotAdded));
    }

    #[test]
    fn a_dimm_that_ends_the_firmware_map_in_ascending_order_is_not_taken_for_listed() {
        let mut memory_blocks = blocks((0..16).chain(32..40));
        if let Source::Read(all) = &mut memory_blocks {
            all.blocks[16].firmware_node = Some("PNP0C80:00".into());
        }
        let snapshot = Snapshot {
            iomem: Source::Read("00100000-7fffffff : System RAM\n100000000-13fffffff : System RAM\n".into()),
            memory_blocks,
            firmware_memmap: Source::Read(vec![ram(0, 0x10_0000, 2 * GIB), ram(1, 4 * GIB, 5 * GIB)]),
            ..Snapshot::default()
        };
        let machine = Machine::of(&snapshot).unwrap();
        assert_eq!(machine.ranges[1].class, Some(Class::HotAdded));
        assert!(!machine.ranges[1].listed_by_firmware);
    }
}
