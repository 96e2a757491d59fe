//! What kexec-tools does on arm64 with an Image, for kexec_load.
//!
//! All lies as low as it fits but for the header of a dump, each behind the kernel: initial ramdisk, device tree,
//! purgatory. There is no second try (kexec-tools 2.0.25, `kexec -d`: image_arm64_load, arm64_load_other_segments,
//! load_crashdump_segments).

use crate::arm64_file::{Parts, begin_with_text, wanted_kernel};
use crate::error::PlanError;
use crate::ground::Ground;
use crate::placing::{Placing, Wanted};
use crate::request::Purgatory;
use crate::segment::{Segment, SegmentKind};

/// Finds the segments' places.
pub(crate) fn place(ground: &Ground, parts: &Parts, purgatory: Purgatory) -> Result<Vec<Segment>, PlanError> {
    let mut placing = Placing::new(ground);
    let kernel = placing.place(wanted_kernel(&parts.kernel, ground.page)?)?;
    let behind = |kind, loaded, size| Wanted { min: kernel.end(), ..Wanted::lowest(kind, loaded, size) };
    if let Some(crash) = &ground.crash {
        let size = crash.header.loaded;
        placing.place(Wanted::highest(SegmentKind::ElfCoreHeader, size, size))?;
    }
    if let Some(size) = parts.initrd.filter(|&size| size > 0) {
        placing.place(behind(SegmentKind::Initrd, size, size))?;
    }
    placing.place(behind(SegmentKind::DeviceTree, parts.device_tree, parts.device_tree))?;
    placing.place(behind(SegmentKind::Purgatory, purgatory.loaded, purgatory.size))?;
    Ok(begin_with_text(placing.segments(), parts.kernel.text_offset))
}

#[cfg(test)]
mod tests;
