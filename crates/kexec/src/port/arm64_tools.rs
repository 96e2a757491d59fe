//! What kexec-tools does on arm64 with an Image, for kexec_load.
//!
//! Everything except the header of a dump goes as low as it fits, after the kernel: initial ramdisk, device
//! tree, purgatory. There is no second try (kexec-tools 2.0.25, `kexec -d`: image_arm64_load,
//! arm64_load_other_segments, load_crashdump_segments).

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules, Use};

use crate::context::{LoadContext, SearchSpace};
use crate::dump::header::{CrashKernel, HeaderSize};
use crate::dump::ranges::dumped;
use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::ram::unreserved;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::arm64_common::{self, Parts, begin_with_text, kernel_needs};
use crate::port::steps::{Begun, Layout, Port};
use crate::request::Purgatory;
use crate::segment::{Segment, SegmentKind};

/// kexec_load by kexec-tools on arm64.
#[derive(Debug)]
pub(crate) struct Arm64Tools;

impl Port for Arm64Tools {
    /// System RAM without what /proc/iomem calls `reserved` in it.
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        allowed(machine, &unreserved(machine)?, &[], Use::KexecImage(Loader::KexecLoad), rules)
    }

    fn dumped(
        &self,
        machine: &Machine,
        crash_kernel: &CrashKernel,
        rules: &Rules,
    ) -> Result<Vec<PhysRange>, PlanError> {
        dumped(machine, crash_kernel, Loader::KexecLoad, rules)
    }

    fn header_size(&self, machine: &Machine, ranges: u64) -> Result<HeaderSize, PlanError> {
        HeaderSize::by_kexec_tools(&machine.state, ranges)
    }

    fn purgatory(&self) -> Option<Purgatory> {
        Some(Purgatory::KEXEC_TOOLS_ARM64)
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
        let purgatory = context.request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_ARM64);
        arm64_common::complete(context, initrd, |parts| place(&context.space, header, parts, purgatory))
    }
}

/// Finds the segments' places.
fn place(
    space: &SearchSpace,
    header: Option<u64>,
    parts: &Parts,
    purgatory: Purgatory,
) -> Result<Vec<Segment>, PlanError> {
    let mut placer = SegmentPlacer::new(space);
    let kernel = placer.place(kernel_needs(&parts.kernel, space.page)?)?;
    let after =
        |kind, loaded, size| SegmentNeeds { min: kernel.end(), ..SegmentNeeds::lowest(kind, loaded, size) };
    if let Some(size) = header {
        placer.place(SegmentNeeds::highest(SegmentKind::ElfCoreHeader, size, size))?;
    }
    if let Some(size) = parts.initrd {
        placer.place(after(SegmentKind::Initrd, size, size))?;
    }
    placer.place(after(SegmentKind::DeviceTree, parts.device_tree, parts.device_tree))?;
    placer.place(after(SegmentKind::Purgatory, purgatory.loaded, purgatory.size))?;
    Ok(begin_with_text(placer.segments(), parts.kernel.text_offset))
}

#[cfg(test)]
mod tests;
