//! What kexec-tools does on arm64 with an Image, for kexec_load.
//!
//! All lies as low as it fits but for the header of a dump, each behind the kernel: initial ramdisk, device tree,
//! purgatory. There is no second try (kexec-tools 2.0.25, `kexec -d`: image_arm64_load, arm64_load_other_segments,
//! load_crashdump_segments).

use machine::Machine;
use machine::resources::Resource;
use memblock::rules::{Loader, Rules, Use};
use memblock::{PhysRange, ranges};

use crate::arm64_file::{Parts, begin_with_text, wanted_kernel};
use crate::candidates::{allowed, system_ram};
use crate::crash::HeaderSize;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::placement::Direction;
use crate::placing::{Placing, Wanted};
use crate::plan::{Segment, SegmentKind};
use crate::request::Purgatory;

/// The size of a header of a dump is a multiple of this.
const HEADER_UNIT: u64 = 1024;

/// The purgatory of kexec-tools 2.0.25, as loads of a Debian machine show it.
pub(crate) const PURGATORY: Purgatory = Purgatory { loaded: 0x3558, size: 0x3558 };

/// Where kexec-tools looks for holes: System RAM but what /proc/iomem calls `reserved` in it (kexec-tools 2.0.25,
/// `kexec -d`: get_memory_ranges). For crashes, that is the crash kernel's area.
pub(crate) fn candidates(machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let tree = machine.resources.as_ref().ok_or(PlanError::NoIomem)?;
    let is_reserved = |resource: &&Resource| resource.name == "reserved" && resource.depth > 0;
    let mut reserved: Vec<PhysRange> =
        tree.resources().iter().filter(is_reserved).filter_map(|resource| resource.range().ok()).collect();
    reserved.sort_unstable();
    let reserved = ranges::merged(reserved.into_iter());
    let spans: Vec<PhysRange> = ranges::difference(system_ram(machine)?.into_iter(), reserved).collect();
    allowed(machine, &spans, &[], Use::KexecImage(Loader::KexecLoad), rules)
}

/// The header for a dump of so many ranges.
pub(crate) fn header_size(facts: &Facts, ranges: u64) -> Result<HeaderSize, PlanError> {
    HeaderSize::in_units(facts, ranges, HEADER_UNIT)
}

/// Finds the segments' places.
pub(crate) fn place(ground: &Ground, parts: &Parts, purgatory: Purgatory) -> Result<Vec<Segment>, PlanError> {
    let mut placing = Placing::new(ground);
    let kernel = placing.place(wanted_kernel(&parts.kernel, ground.page)?)?;
    let wanted = |kind, loaded, size| Wanted {
        kind,
        loaded,
        size,
        alignment: 0,
        min: kernel.end(),
        limit: u64::MAX,
        direction: Direction::BottomUp,
    };
    if let Some(crash) = &ground.crash {
        let size = crash.header.loaded;
        let header = wanted(SegmentKind::ElfCoreHeader, size, size);
        placing.place(Wanted { min: 0, direction: Direction::TopDown, ..header })?;
    }
    if let Some(size) = parts.initrd.filter(|&size| size > 0) {
        placing.place(wanted(SegmentKind::Initrd, size, size))?;
    }
    placing.place(wanted(SegmentKind::DeviceTree, parts.device_tree, parts.device_tree))?;
    placing.place(wanted(SegmentKind::Purgatory, purgatory.loaded, purgatory.size))?;
    Ok(begin_with_text(placing.segments(), parts.kernel.text_offset))
}

#[cfg(test)]
mod tests;
