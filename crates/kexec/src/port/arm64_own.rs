//! What physmem does on arm64 with an Image, by kexec_load.
//!
//! It places by the rules of this program and of Documentation/arch/arm64/booting.rst, not as another is seen to do: for
//! a reboot, in System RAM of exactly that name in which nothing is reserved, which the next kernel is told about, and
//! which is neither the crash kernel's nor the interrupt controller's. The kernel goes to the lowest place, as close to
//! the start of RAM as it may want to be; above it, the device tree, in a block of 2 MiB that is all RAM, for a kernel
//! maps it with blocks of that size; the initial ramdisk in the kernel's window. If something finds no room, the kernel
//! moves up, as with kexec_file_load.
//!
//! The dump contains what it contains with kexec_file_load. Its header lies highest.

use firmware::e820::E820Type;
use machine::Machine;
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules, Use};

use crate::context::{LoadContext, SearchSpace};
use crate::dump::header::HeaderSize;
use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::ram::without_reserved;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::arm64_common::{
    self, Failure, KIB_64, MIB_2, Parts, finished, interrupt_tables, kernel_needs, place_initrd,
    told_after_reboot, with_lowest_kernel,
};
use crate::port::steps::{Begun, Layout, Port};
use crate::request::Purgatory;
use crate::segment::{Segment, SegmentKind};
use crate::trampoline::arm64::SEGMENT;

/// Bytes of a command line with its NUL; a kernel drops the rest without a word (arch/arm64/include/uapi/asm/setup.h:
/// COMMAND_LINE_SIZE, 6.12).
const LONGEST_LINE: u64 = 2048;

/// kexec_load by physmem on arm64, with an Image.
#[derive(Debug)]
pub(crate) struct Arm64Own;

impl Port for Arm64Own {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        let tree = machine.resources().ok_or(PlanError::NoIomem)?;
        let named = tree.system_ram_not_driver_managed().filter_map(|resource| resource.range().ok());
        // The crash kernel's memory is not mapped while one is loaded, and kexec copies to mapped memory.
        let free = without_reserved(machine, named.collect(), &["reserved", "Crash kernel"])?;
        let tables = interrupt_tables(machine);
        let free: Vec<PhysRange> = ranges::difference(free.into_iter(), tables.into_iter()).collect();
        let allowed = allowed(machine, &free, &[], Use::KexecImage(Loader::KexecLoad), rules)?;
        let told = told_after_reboot(machine, rules)?;
        let told: RangeSet =
            told.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect();
        Ok(ranges::intersection(allowed.into_iter(), told.iter()).collect())
    }

    fn purgatory(&self) -> Option<Purgatory> {
        Some(SEGMENT)
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        let line = context.request.command_line;
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        if length > LONGEST_LINE {
            return Err(PlanError::CommandLineTooLong { length, added: 0, most: LONGEST_LINE });
        }
        arm64_common::begin(context)
    }

    fn complete(
        &self,
        context: &LoadContext<'_>,
        _: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let header = context.crash.as_ref().map(|crash| crash.header);
        arm64_common::complete(context, initrd, |parts| place(&context.space, header, parts))
    }
}

/// Finds the segments' places.
fn place(space: &SearchSpace, header: Option<HeaderSize>, parts: &Parts) -> Result<Vec<Segment>, PlanError> {
    let kernel = kernel_needs(&parts.kernel, space.page)?;
    let place = |placer: &mut SegmentPlacer<'_>, at| place_others(placer, at, header, parts);
    let (mut segments, tries) = with_lowest_kernel(&SegmentPlacer::new(space), kernel, place)?;
    for tree in segments.iter_mut().filter(|segment| segment.kind == SegmentKind::DeviceTree) {
        // Of its blocks, what it needs.
        let start = tree.range.start();
        let end = start.saturating_add(tree.loaded).checked_next_multiple_of(space.page);
        tree.range = end.and_then(|end| PhysRange::new(start, end).ok()).unwrap_or(tree.range);
    }
    Ok(finished(segments, parts.kernel.text_offset, tries))
}

/// Places everything but the kernel, in order.
fn place_others(
    placer: &mut SegmentPlacer<'_>,
    kernel: PhysRange,
    header: Option<HeaderSize>,
    parts: &Parts,
) -> Result<(), Failure> {
    let final_error = |source| Failure { source, is_final: true };
    let error = |source| Failure { source, is_final: false };
    if let Some(HeaderSize { loaded, room }) = header {
        let header = SegmentNeeds::highest(SegmentKind::ElfCoreHeader, loaded, room);
        placer.place(SegmentNeeds { alignment: KIB_64, ..header }).map_err(final_error)?;
    }
    let size = parts.device_tree;
    // More than memory holds finds no place.
    let blocks = size.checked_next_multiple_of(MIB_2).unwrap_or(size);
    let tree = SegmentNeeds::lowest(SegmentKind::DeviceTree, size, blocks);
    placer.place(SegmentNeeds { alignment: MIB_2, min: kernel.start(), ..tree }).map_err(error)?;
    placer
        .place(SegmentNeeds::lowest(SegmentKind::Purgatory, SEGMENT.loaded, SEGMENT.size))
        .map_err(error)?;
    if let Some(size) = parts.initrd {
        place_initrd(placer, kernel, SegmentNeeds::lowest(SegmentKind::Initrd, size, size))?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
