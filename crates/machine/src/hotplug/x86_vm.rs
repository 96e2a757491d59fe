//! A virtual machine that nobody captured: QEMU's pc, for those who size a fleet before they have one.

use evidence::snapshot::MemoryBlocks;
use evidence::{Snapshot, Source};
use memblock::PhysRange;

use crate::Architecture;
use crate::boot::zones::ZoneKind;
use crate::hotplug::machine_of::Booted;

/// Why there is no such machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// Too small for Linux, too large for the addresses, or not whole megabytes.
    #[error("a machine of {0:#x} bytes: expected whole megabytes, from 128M to 32T")]
    Size(u64),
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Where QEMU's pc puts the first byte that does not fit below the devices: machines of 3.5 GiB and more have 3 GiB
/// there (hw/i386/pc_piix.c, QEMU 7.2).
const LOW: u64 = 3 * GIB;

/// A virtual machine as QEMU's pc makes it, with `size` bytes on one node, under Linux 6.12, before anything is added.
///
/// It shows resources, memory blocks, zones and the firmware's map; added blocks go online.
///
/// # Errors
///
/// [`BaseError`] for a size that no such machine has.
///
/// ```
/// use machine::{Machine, hotplug, life::Life};
///
/// let life = Life::of(&Machine::of(&hotplug::qemu_pc(4 << 30)?)?)?;
/// assert_eq!(life.block_table().size(), 128 << 20);
/// assert!(life.iomem().ends_with("100000000-13fffffff : System RAM\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn qemu_pc(size: u64) -> Result<Snapshot, BaseError> {
    if !(128 * MIB..=32 << 40).contains(&size) || !size.is_multiple_of(MIB) {
        return Err(BaseError::Size(size));
    }
    let low = if size >= LOW + GIB / 2 { LOW } else { size };
    let high = size - low;
    // SeaBIOS keeps the last 128 KiB below the devices.
    let spans = [(0x1000, 0x9_fc00), (MIB, low - 0x2_0000), (4 * GIB, 4 * GIB + high)];
    let ram: Vec<(PhysRange, u32)> =
        spans.into_iter().filter_map(|(start, end)| Some((PhysRange::new(start, end).ok()?, 0))).collect();
    let end = ram.last().map_or(0, |(range, _)| range.end());
    let limits = [
        (ZoneKind::Dma, 0x1000, 16 * MIB),
        (ZoneKind::Dma32, 16 * MIB, 4 * GIB),
        (ZoneKind::Normal, 4 * GIB, end),
    ];
    let zones = limits
        .into_iter()
        .filter_map(|(kind, start, limit)| Some((0, kind, PhysRange::new(start, limit.min(end)).ok()?)));
    let architecture = Architecture::X86_64;
    let booted = Booted {
        architecture,
        ram,
        zones: zones.collect(),
        page: 4096,
        block: architecture.facts().block_size(4096, end, true),
    };
    let snapshot = Snapshot {
        origin: format!("a virtual machine of {} MiB", size / MIB),
        version: Source::Read("Linux version 6.12".into()),
        memory_blocks: Source::Read(MemoryBlocks {
            auto_online: Source::Read("online".into()),
            ..MemoryBlocks::default()
        }),
        ..Snapshot::default()
    };
    Ok(booted.shown_by(&snapshot))
}
