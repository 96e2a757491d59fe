//! What kexec_file_load does on arm64 with an Image.
//!
//! The kernel goes to the lowest place there is. All else lies above it: the header of a dump, the initial ramdisk,
//! which the kernel has to reach from where it runs, and the device tree. Where one of them finds no room, the kernel
//! moves on, and all is tried again (arch/arm64/kernel/kexec_image.c:image_load,
//! arch/arm64/kernel/machine_kexec_file.c:load_other_segments, 6.12; Documentation/arch/arm64/booting.rst).

use memblock::PhysRange;

use crate::arm64_error::Arm64Error;
use crate::error::PlanError;
use crate::ground::Ground;
use crate::handover;
use crate::placing::{Placing, Wanted};
use images::Arm64Header;
use crate::segment::{Segment, SegmentKind};

/// What a kernel lies at a multiple of, as its device tree does; a header of a dump.
const MIB_2: u64 = 0x20_0000;
const KIB_64: u64 = 0x1_0000;
/// The initial ramdisk and the kernel lie in one window of 32 GiB that begins at a multiple of 1 GiB.
const GIB: u64 = 1 << 30;
const WINDOW: u64 = 32 * GIB;

/// What is placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) kernel: Arm64Header,
    /// Bytes of the initial ramdisk.
    pub(crate) initrd: Option<u64>,
    /// Bytes of the device tree.
    pub(crate) device_tree: u64,
}

/// Finds the segments' places.
///
/// Each place of the kernel costs a search of the candidates for each segment; there are as many as kernels fit into
/// memory at most, and more than a few only where memory is nearly full.
pub(crate) fn place(ground: &Ground, parts: &Parts) -> Result<Vec<Segment>, PlanError> {
    let kernel = wanted_kernel(&parts.kernel, ground.page)?;
    let mut lowest: Option<(PhysRange, PlanError)> = None;
    let (mut min, mut tries) = (0, 0_u64);
    loop {
        let mut placing = Placing::new(ground);
        if ground.in_order {
            handover::place(&mut placing, ground.candidates.len())?;
        }
        let at = match placing.place(Wanted { min, ..kernel }) {
            Ok(at) => at,
            Err(error) => return Err(lowest.map_or(error, |lowest| no_location(lowest, tries))),
        };
        tries = tries.saturating_add(1);
        let Err(Failure { source, is_final }) = place_others(&mut placing, at, ground, parts) else {
            return Ok(finished(placing.segments(), parts.kernel.text_offset, tries));
        };
        if !matches!(source, PlanError::NoHole { .. }) {
            return Err(source);
        }
        // The first failure says most: there is most room above the lowest place.
        let failed = lowest.unwrap_or((at, source));
        if is_final {
            return Err(no_location(failed, tries));
        }
        lowest = Some(failed);
        min = at.end();
    }
}

fn no_location((kernel, source): (PhysRange, PlanError), tries: u64) -> PlanError {
    Arm64Error::NoKernelLocation { kernel, tries, source: Box::new(source) }.into()
}

/// The kernel's segment, as it is searched: with the bytes before its text.
pub(crate) fn wanted_kernel(kernel: &Arm64Header, page: u64) -> Result<Wanted, PlanError> {
    let &Arm64Header { file_size, text_offset, image_size } = kernel;
    if image_size == 0 {
        return Err(Arm64Error::NoImageSize.into());
    }
    let size = image_size.checked_add(text_offset).and_then(|size| size.checked_next_multiple_of(page));
    let size = size.ok_or(Arm64Error::ImageSize { text_offset, image_size })?;
    if !text_offset.is_multiple_of(page) {
        return Err(Arm64Error::TextOffset { text_offset, page }.into());
    }
    let own = size.saturating_sub(text_offset);
    if file_size > own {
        return Err(PlanError::TooSmall { kind: SegmentKind::Kernel, loaded: file_size, size: own });
    }
    Ok(Wanted { alignment: MIB_2, ..Wanted::lowest(SegmentKind::Kernel, file_size, size) })
}

/// What found no room, and whether it will find none above either.
struct Failure {
    source: PlanError,
    is_final: bool,
}

/// Places what lies above the kernel, in order.
fn place_others(
    placing: &mut Placing<'_>,
    kernel: PhysRange,
    ground: &Ground,
    parts: &Parts,
) -> Result<(), Failure> {
    let above = |wanted: Wanted, alignment| Wanted { alignment, min: kernel.end(), ..wanted };
    if let Some(crash) = &ground.crash {
        let size = crash.header.loaded;
        let header = above(Wanted::highest(SegmentKind::ElfCoreHeader, size, size), KIB_64);
        // From a higher kernel on there is only less room.
        placing.place(header).map_err(|source| Failure { source, is_final: true })?;
    }
    if let Some(size) = parts.initrd.filter(|&size| size > 0) {
        let window = kernel.start() - kernel.start() % GIB;
        let limit = window.saturating_add(WINDOW);
        let initrd = above(Wanted::lowest(SegmentKind::Initrd, size, size), 0);
        if let Err(source) = placing.place(Wanted { limit, ..initrd }) {
            // A higher kernel has another window: only what is too large for any, or fits not even without, never fits.
            let fits_a_window = size <= WINDOW.saturating_sub(kernel.size());
            let is_final = !fits_a_window || placing.clone().place(initrd).is_err();
            return Err(Failure { source, is_final });
        }
    }
    // A higher kernel may push the initial ramdisk out of the way.
    let size = parts.device_tree;
    let tree = above(Wanted::highest(SegmentKind::DeviceTree, size, size), MIB_2);
    placing.place(tree).map(drop).map_err(|source| Failure { source, is_final: false })
}

fn finished(segments: Vec<Segment>, text_offset: u64, tries: u64) -> Vec<Segment> {
    let mut segments = begin_with_text(segments, text_offset);
    if let (Some(kernel), Some(lower @ 1..)) = (segments.first_mut(), tries.checked_sub(1)) {
        kernel.reason = format!("{}; {lower} lower places leave no room for the rest", kernel.reason);
    }
    segments
}

/// The kernel's segment, the first, begins with its text.
pub(crate) fn begin_with_text(mut segments: Vec<Segment>, text_offset: u64) -> Vec<Segment> {
    if let Some(kernel) = segments.first_mut().filter(|_| text_offset > 0) {
        let start = kernel.range.start().saturating_add(text_offset);
        kernel.range = PhysRange::new(start, kernel.range.end()).unwrap_or(kernel.range);
        kernel.reason = format!("{text_offset:#x} behind {}", kernel.reason);
    }
    segments
}

#[cfg(test)]
mod tests;
