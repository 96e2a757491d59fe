//! A machine's memory, with conclusions drawn.

use evidence::resources::IomemError;
use evidence::zones::Zone;
use evidence::{Evidence, ResourceTree, Unknown};
use firmware::log::MemblockList;
use memblock::{PhysRange, RegionFlags};
use rules::Class;

use crate::boot::input::BootInput;
use crate::now::classify::Classifier;
use crate::now::firmware_map::FirmwareMap;
use crate::now::hotpluggable::Hotpluggable;
use crate::now::kernel::Kernel;
use crate::now::memory_range::{MemoryRange, Provider};
use crate::now::node_map::NodeMap;
use crate::now::range_details::RangeDetails;
use crate::now::state::KernelState;
use crate::range_set::RangeSet;

/// One machine's physical memory at one moment.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The evidence it is based on.
    pub evidence: Evidence,
    /// The running kernel.
    pub kernel: Kernel,
    /// The kernel state that a kexec load would find.
    pub state: KernelState,
    /// Its memory, ascending. If /proc/iomem was read, the ranges are exactly the kernel's System RAM: each resource is
    /// one range, or several if the class or node changes inside it.
    pub ranges: Vec<MemoryRange>,
    /// What the firmware's map says.
    pub firmware: FirmwareMap,
    /// The memory the firmware marks as hot-pluggable.
    pub hotpluggable: Hotpluggable,
    /// Facts that could not be established.
    pub unknown: Vec<Unknown>,
}

/// Why a snapshot could not be interpreted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// /proc/iomem is not in the kernel's format.
    #[error("/proc/iomem: {0}")]
    Iomem(#[from] IomemError),
    /// /proc/iomem has no line.
    #[error("/proc/iomem holds no resource; expected lines like `00100000-7ffdffff : System RAM`")]
    EmptyIomem,
    /// Neither /proc/iomem nor memory blocks could be read, so there is nothing to show.
    #[error("no memory can be shown: {iomem}; {blocks}")]
    Nothing {
        /// Why /proc/iomem could not be read.
        iomem: String,
        /// Why the memory blocks could not be read.
        blocks: String,
    },
}

impl Machine {
    /// Draws the conclusions from evidence, or from a snapshot. O(n log n) in resources and memory blocks.
    ///
    /// # Errors
    ///
    /// [`MachineError`] if /proc/iomem is malformed, or if there is nothing to show at all. Any other gap becomes an
    /// entry in [`Machine::unknown`].
    ///
    /// ```
    /// use evidence::{Snapshot, Source};
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
    pub fn of(evidence: impl Into<Evidence>) -> Result<Self, MachineError> {
        let evidence = evidence.into();
        let why = |source: Option<Unknown>| source.map(|unknown| unknown.why);
        let iomem = why(Unknown::from_source("/proc/iomem", &evidence.resources, ""));
        let blocks = why(Unknown::from_source("/sys/devices/system/memory", &evidence.blocks, ""));
        match (evidence.iomem_error.is_none(), iomem, blocks) {
            (true, Some(iomem), Some(blocks)) => Err(MachineError::Nothing { iomem, blocks }),
            _ => Self::with_or_without_memory(evidence),
        }
    }

    /// The same, even if nothing shows the memory as it is now: what a log alone says of the kernel remains.
    /// [`Machine::ranges`] is then empty, and [`Machine::unknown`] says why.
    ///
    /// # Errors
    ///
    /// [`MachineError`] if /proc/iomem is malformed.
    pub fn with_or_without_memory(evidence: impl Into<Evidence>) -> Result<Self, MachineError> {
        let evidence = evidence.into();
        if let Some(error) = evidence.iomem_error {
            return Err(error.into());
        }
        // No kernel prints an empty one: an empty table would look like a machine without memory.
        if evidence.resources.read().is_some_and(|tree| tree.resources().is_empty()) {
            return Err(MachineError::EmptyIomem);
        }
        let mut unknown = Vec::new();
        let blocks = Unknown::from_source(
            "/sys/devices/system/memory",
            &evidence.blocks,
            "blocks are not shown; states and zones are told from /proc/zoneinfo",
        );
        let iomem = Unknown::from_source(
            "/proc/iomem",
            &evidence.resources,
            "ranges are put together from whole memory blocks: holes inside them do not show, and nothing tells which driver added memory",
        );
        unknown.extend(iomem.into_iter().chain(blocks));
        unknown.extend(evidence.stood_in());
        if let Some(blocks) = evidence.blocks.read().filter(|_| evidence.block_size_of_nodes) {
            let size = blocks.block_size >> 20;
            unknown.push(Unknown::new(
                "/sys/devices/system/memory",
                "/sys/devices/system/memory is not there: the nodes link to the memory blocks, but nothing shows their size, state and zones",
                &format!("a block is taken as {size} MiB, the smallest with room for each node's memory"),
            ));
        }

        unknown.extend(Unknown::from_source(
            "/proc/zoneinfo",
            &evidence.zones,
            "zones are told from the memory blocks alone",
        ));
        let kernel = Kernel::of(&evidence, &mut unknown);
        let firmware = FirmwareMap::of(&evidence, &kernel.command_line, &mut unknown);
        let hotpluggable = Hotpluggable::of(&evidence, &kernel, &mut unknown);
        for (file, table) in
            [("memory", &evidence.memblock_memory), ("reserved", &evidence.memblock_reserved)]
        {
            if let Some(error) = table.read().and_then(|table| table.error.as_ref()) {
                let file = format!("/sys/kernel/debug/memblock/{file}");
                unknown.push(Unknown::new(&file, &format!("{file}: {error}"), "that region is left out"));
            }
        }
        let classifier = Classifier {
            evidence: &evidence,
            details: RangeDetails::new(&evidence, kernel.page_size),
            kernel: &kernel,
            firmware: &firmware,
            hotpluggable: &hotpluggable,
            early: early_ranges(&evidence),
            hotplug_when_zones_were_sized: hotplug_when_zones_were_sized(&evidence),
            nodes: NodeMap::of(&evidence, kernel.page_size),
        };
        let ranges = classifier.ranges(&mut unknown);
        let state = KernelState::of(&evidence, BootInput::of(&evidence).ok().as_ref());
        let unknown = evidence.in_its_form(unknown);
        Ok(Self { evidence, kernel, state, ranges, firmware, hotpluggable, unknown })
    }

    /// The resource tree, if /proc/iomem was read.
    pub fn resources(&self) -> Option<&ResourceTree> {
        self.evidence.resources.read()
    }

    /// The zones of every node; empty if /proc/zoneinfo could not be read.
    pub fn zones(&self) -> &[Zone] {
        self.evidence.zones.read().map_or(&[], Vec::as_slice)
    }

    /// The range that contains an address. O(log n).
    pub fn range_at(&self, address: u64) -> Option<&MemoryRange> {
        let index = self.ranges.partition_point(|range| range.range.end() <= address);
        self.ranges.get(index).filter(|range| range.range.contains(address))
    }

    /// The memory at an address that memblock contains but /proc/iomem does not call System RAM, which is mostly NOMAP
    /// memory. `None` if there is none, or if memblock is not available.
    pub fn kept_out_at(&self, address: u64) -> Option<MemoryRange> {
        let table = self.evidence.memblock_memory.read()?;
        let region = table.regions.iter().find(|region| region.range.contains(address))?;
        let node = region.node.map(memblock::NodeId::get);
        let boot = MemoryRange {
            class: Some(Class::Boot),
            evidence: "memblock.memory holds it, and /proc/iomem does not call it System RAM".to_owned(),
            provider: Provider::Firmware(self.firmware.kind),
            node,
            listed_by_firmware: self.firmware.ram.as_ref().is_some_and(|ram| ram.overlaps(region.range)),
            ..MemoryRange::at(region.range)
        };
        let filled = self.parts().of(&boot, region.range);
        if region.flags.contains(RegionFlags::NOMAP) {
            // Its block's zone and state are those of the surrounding memory.
            return Some(MemoryRange { flags: Some(region.flags), blocks: filled.blocks, ..boot });
        }
        Some(MemoryRange { flags: Some(region.flags), ..filled })
    }

    /// A helper that describes parts of the ranges.
    pub fn parts(&self) -> Parts<'_> {
        Parts(RangeDetails::new(&self.evidence, self.kernel.page_size))
    }

    /// The ranges that overlap `range`, ascending.
    pub fn ranges_in(&self, range: PhysRange) -> impl Iterator<Item = &MemoryRange> {
        self.ranges.iter().filter(move |memory| memory.range.overlaps(range))
    }
}

/// Describes parts of a machine's ranges; built once and used for many lookups.
#[derive(Clone, Debug)]
pub struct Parts<'a>(RangeDetails<'a>);

impl Parts<'_> {
    /// Part of one of the ranges, with the zones, blocks, state, flags and reservations of just that part.
    pub fn of(&self, memory: &MemoryRange, part: PhysRange) -> MemoryRange {
        self.0.fill(MemoryRange { range: part, ..memory.clone() })
    }
}

/// The HOTPLUG ranges in memblock's last dump that has node numbers: the kernel prints it after NUMA setup, right
/// before it sizes the zones.
fn hotplug_when_zones_were_sized(evidence: &Evidence) -> Option<RangeSet> {
    let regions = evidence.log.read()?.memblock.regions.iter();
    let with_node: Vec<_> =
        regions.filter(|region| region.list == MemblockList::Memory && region.node.is_some()).collect();
    let hotplug = with_node.iter().filter(|region| region.flags.contains(RegionFlags::HOTPLUG));
    (!with_node.is_empty()).then(|| hotplug.map(|region| region.range).collect())
}

/// The ranges below `Early memory node ranges`. A log whose beginning was overwritten may hold only the tail of that
/// list, so the list is used only if its heading is there.
fn early_ranges(evidence: &Evidence) -> Option<RangeSet> {
    let log = evidence.log.read().filter(|log| log.boot.has_zones)?;
    let set: RangeSet = log.early_node_ranges.iter().map(|early| early.range).collect();
    (!set.is_empty()).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::snapshot::{BlockState, FirmwareMapEntry, MemoryBlock, MemoryBlocks};
    use evidence::{Snapshot, Source};

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
    fn without_iomem_each_block_is_judged_on_its_own() {
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
    fn a_range_ends_where_the_state_of_its_blocks_changes_and_unknown_states_do_not_cut() {
        use evidence::State;
        use evidence::snapshot::BlockState::{Offline, Online, Unknown};
        let Source::Read(mut all) = blocks(0..8) else { unreachable!() };
        let states = [Unknown, Online, Online, Offline, Unknown, Online, Offline, Offline];
        for (block, state) in all.blocks.iter_mut().zip(states) {
            block.state = state;
        }
        for iomem in [Source::Missing, Source::Read("00001000-3fffffff : System RAM\n".into())] {
            let snapshot =
                Snapshot { iomem, memory_blocks: Source::Read(all.clone()), ..Snapshot::default() };
            let machine = Machine::of(&snapshot).unwrap();
            let found: Vec<_> =
                machine.ranges.iter().map(|range| (range.blocks.clone(), range.state)).collect();
            let (online, offline) = (Some(State::Online), Some(State::Offline));
            assert_eq!(
                found,
                [(vec![0, 1, 2], online), (vec![3, 4], offline), (vec![5], online), (vec![6, 7], offline),]
            );
            let bytes: u64 = machine.ranges.iter().map(|range| range.range.size()).sum();
            assert_eq!(bytes, 8 * (128 << 20) - machine.ranges[0].range.start());
        }
    }

    #[test]
    fn in_a_log_of_two_boots_the_last_counts() {
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
    fn a_partial_page_that_the_boot_drops_was_not_added_later() {
        // A crash kernel loaded by kexec-tools is told about the KiB after its header.
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
    fn a_dimm_at_the_end_of_an_ascending_firmware_map_is_not_mistaken_for_listed() {
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
