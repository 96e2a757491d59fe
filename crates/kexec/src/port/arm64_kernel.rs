//! What kexec_file_load does on arm64 with an Image.
//!
//! The kernel goes to the lowest place. Everything else lies above it: the header of a dump, the initial
//! ramdisk, which the kernel must be able to reach, and the device tree. If one of them finds no room, the
//! kernel moves up and everything is tried again (arch/arm64/kernel/kexec_image.c:image_load,
//! arch/arm64/kernel/machine_kexec_file.c:load_other_segments, 6.12; Documentation/arch/arm64/booting.rst).

use machine::Machine;
use memblock::PhysRange;
use rules::Rules;

use crate::context::{LoadContext, SearchSpace};
use crate::dump::header::CrashKernel;
use crate::dump::ranges::dumped_of_memblock;
use crate::error::PlanError;
use crate::kho;
use crate::place::kernel_search;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::arm64_common::{
    self, Failure, KIB_64, MIB_2, Parts, finished, kernel_needs, place_initrd, with_lowest_kernel,
};
use crate::port::steps::{Begun, Layout, Port};
use crate::request::Purgatory;
use crate::segment::{Segment, SegmentKind};

/// kexec_file_load on arm64.
#[derive(Debug)]
pub(crate) struct Arm64Kernel;

impl Port for Arm64Kernel {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        kernel_search::search_ranges(machine, rules)
    }

    fn dumped(
        &self,
        machine: &Machine,
        crash_kernel: &CrashKernel,
        rules: &Rules,
    ) -> Result<Vec<PhysRange>, PlanError> {
        dumped_of_memblock(machine, crash_kernel, rules)
    }

    fn purgatory(&self) -> Option<Purgatory> {
        None
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        arm64_common::begin(context)
    }

    fn complete(
        &self,
        context: &LoadContext<'_>,
        _: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let header = context.crash.as_ref().map(|crash| crash.header.loaded);
        arm64_common::complete(context, initrd, |parts| place(&context.space, header, parts))
    }
}

/// Finds the segments' places.
fn place(space: &SearchSpace, header: Option<u64>, parts: &Parts) -> Result<Vec<Segment>, PlanError> {
    let kernel = kernel_needs(&parts.kernel, space.page)?;
    let mut placer = SegmentPlacer::new(space);
    if let Some(areas) = space.scratch_list {
        kho::place(&mut placer, areas)?;
    }
    let place = |placer: &mut SegmentPlacer<'_>, at| place_others(placer, at, header, parts);
    let (segments, tries) = with_lowest_kernel(&placer, kernel, place)?;
    Ok(finished(segments, parts.kernel.text_offset, tries))
}

/// Places what lies above the kernel, in order.
fn place_others(
    placer: &mut SegmentPlacer<'_>,
    kernel: PhysRange,
    header: Option<u64>,
    parts: &Parts,
) -> Result<(), Failure> {
    let above = |needs: SegmentNeeds, alignment| SegmentNeeds { alignment, min: kernel.end(), ..needs };
    if let Some(size) = header {
        let header = above(SegmentNeeds::highest(SegmentKind::ElfCoreHeader, size, size), KIB_64);
        // A higher kernel only leaves less room.
        placer.place(header).map_err(|source| Failure { source, is_final: true })?;
    }
    if let Some(size) = parts.initrd {
        place_initrd(placer, kernel, above(SegmentNeeds::lowest(SegmentKind::Initrd, size, size), 0))?;
    }
    // A higher kernel may push the initial ramdisk out of the way.
    let size = parts.device_tree;
    let tree = above(SegmentNeeds::highest(SegmentKind::DeviceTree, size, size), MIB_2);
    placer.place(tree).map(drop).map_err(|source| Failure { source, is_final: false })
}

#[cfg(test)]
mod tests;
