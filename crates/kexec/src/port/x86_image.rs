//! A bzImage and what is loaded with it on x86: the kernel, kexec-tools and physmem place the same parts in the same
//! order, each at the highest place.

use images::SetupHeader;

use crate::error::PlanError;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::request::Purgatory;
use crate::segment::SegmentKind;

/// The lowest starts: of purgatory and the boot parameters, of a kernel, and of an initial ramdisk
/// (arch/x86/kernel/kexec-bzimage64.c:MIN_PURGATORY_ADDR and those below it, 6.12; kexec-tools 2.0.25, as seen).
pub(crate) const MIN_LOW: u64 = 0x3000;
pub(crate) const MIN_KERNEL: u64 = 0x10_0000;
const MIN_INITRD: u64 = 0x100_0000;

/// What differs between the loaders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) purgatory: Purgatory,
    /// Bytes of the boot parameters.
    pub(crate) parameters: u64,
    /// The lowest start of purgatory and the boot parameters.
    pub(crate) low_min: u64,
    /// The lowest start of the kernel.
    pub(crate) kernel_min: u64,
    /// The highest end of all of them.
    pub(crate) limit: u64,
}

/// Places purgatory, boot parameters and kernel.
pub(crate) fn place(
    placer: &mut SegmentPlacer<'_>,
    kernel: &SetupHeader,
    parts: &Parts,
) -> Result<(), PlanError> {
    let &Parts { purgatory, parameters, low_min, kernel_min, limit } = parts;
    let low = SegmentNeeds::highest(SegmentKind::Purgatory, purgatory.loaded, purgatory.size);
    placer.place(SegmentNeeds { min: low_min, limit, ..low })?;
    let low = SegmentNeeds::highest(SegmentKind::BootParameters, parameters, parameters);
    placer.place(SegmentNeeds { min: low_min, limit, ..low })?;
    let loaded = kernel.loaded().ok_or(PlanError::NoKernel { file_size: kernel.file_size })?;
    placer.place(SegmentNeeds {
        alignment: kernel.kernel_alignment,
        min: kernel_min,
        limit,
        ..SegmentNeeds::highest(SegmentKind::Kernel, loaded, kernel.init_size)
    })?;
    Ok(())
}

/// Places the initial ramdisk, after the kernel, ending by `limit`.
pub(crate) fn place_initrd(
    placer: &mut SegmentPlacer<'_>,
    initrd: Option<u64>,
    limit: u64,
) -> Result<(), PlanError> {
    if let Some(size) = initrd {
        placer.place(SegmentNeeds {
            min: MIN_INITRD,
            limit,
            ..SegmentNeeds::highest(SegmentKind::Initrd, size, size)
        })?;
    }
    Ok(())
}
