//! What kexec-tools 2.0.25 does on x86_64 with an ELF kernel, `vmlinux`, by kexec_load.
//!
//! As with a bzImage ([`x86_tools`](crate::port::x86_tools)), this is the behavior of one program, as
//! observed: what `kexec -d -c -l --args-linux` and `kexec -d -c -p --args-linux` print for real kernels and
//! for files made up to find the edges of each rule, on real machines and on made-up maps. Without
//! `--args-linux`, kexec-tools refuses an initial ramdisk and loads other segments than the boot parameters;
//! that was not examined further.
//!
//! Each part of the kernel goes where its header says (`p_paddr`), and is never moved. Then purgatory and the
//! boot parameters go to the lowest places; in a crash load, the backup of the first 640 KiB and the header
//! of the dump go to the highest; the initial ramdisk goes to the highest below 896 MiB, even in a crash
//! load, so that there is no place for it if the crash kernel's area lies above; and setup_data goes to the
//! lowest again.

use images::{ElfKernel, KernelImage};
use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::dump::header::{CrashKernel, HeaderSize};
use crate::dump::ranges::dumped;
use crate::error::{ElfError, PlanError};
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout, Port};
use crate::port::x86_tools_common::{crash, memory, setup_data, tell};
use crate::request::Purgatory;
use crate::segment::SegmentKind;

/// The zero page up to the end of its EDD entries (0xd00 + 6 * 82, Documentation/arch/x86/zero-page.rst), and
/// 2048 bytes for the command line, however long it is.
const BOOT_PARAMETERS: u64 = 0x16ec;
/// Bytes of the command line that fit, including the trailing NUL.
const MOST_COMMAND_LINE: usize = 2048;
/// Where an initial ramdisk may lie: above 16 MiB, below 896 MiB.
const MIN_INITRD: u64 = 0x100_0000;
const INITRD_LIMIT: u64 = 0x3800_0000;

/// kexec_load by kexec-tools on x86_64, with an ELF kernel.
#[derive(Debug)]
pub(crate) struct X86ToolsElf;

impl Port for X86ToolsElf {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        memory::search_ranges(machine, rules)
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
        crash::header_size(machine, ranges)
    }

    fn purgatory(&self) -> Option<Purgatory> {
        Some(Purgatory::KEXEC_TOOLS_X86)
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        let request = context.request;
        let KernelImage::Elf(kernel) = request.kernel else {
            return Err(PlanError::OtherArchitecture { kernel: request.kernel.architecture() });
        };
        let mut placer = SegmentPlacer::new(&context.space);
        place_kernel(&mut placer, context, kernel)?;
        let purgatory = request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_X86);
        placer.place(SegmentNeeds::lowest(SegmentKind::Purgatory, purgatory.loaded, purgatory.size))?;
        placer.place(SegmentNeeds::lowest(SegmentKind::BootParameters, BOOT_PARAMETERS, BOOT_PARAMETERS))?;
        let (map, command_line) = tell(&mut placer, context)?;
        Ok(Begun { placer, map, command_line: cut(command_line) })
    }

    fn complete(
        &self,
        _: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let mut placer = begun.placer.clone();
        if let Some(size) = initrd {
            let place = placer.place(SegmentNeeds {
                min: MIN_INITRD,
                limit: INITRD_LIMIT,
                ..SegmentNeeds::highest(SegmentKind::Initrd, size, size)
            });
            place.map_err(|error| match error {
                // `NoHole` would name the largest range, which may well lie above the limit.
                PlanError::NoHole { size, min, .. } => {
                    PlanError::Elf(ElfError::InitrdLimit { size, min, limit: INITRD_LIMIT })
                }
                error => error,
            })?;
        }
        // Unlike with a bzImage, nothing of EFI is handed on.
        setup_data::place(&mut placer, 0, &begun.map)?;
        Ok(Layout { segments: placer.segments(), chosen: None })
    }
}

/// The part of the command line that fits; the rest is dropped silently.
fn cut(mut command_line: String) -> String {
    if command_line.len() >= MOST_COMMAND_LINE {
        let end = (0..MOST_COMMAND_LINE).rev().find(|&end| command_line.is_char_boundary(end));
        command_line.truncate(end.unwrap_or(0));
    }
    command_line
}

/// Each part where its header says, in the order of the file.
fn place_kernel(
    placer: &mut SegmentPlacer<'_>,
    context: &LoadContext<'_>,
    kernel: &ElfKernel,
) -> Result<(), PlanError> {
    for segment in &kernel.segments {
        let range = whole_pages(segment.memory, context.space.page)?;
        let within = if context.crash.is_some() { "the crash kernel's area" } else { "RAM" };
        let outside = PlanError::Elf(ElfError::Outside { range, within });
        let candidate =
            context.space.ranges.iter().find(|candidate| candidate.encloses(range)).ok_or(outside)?;
        let reason = format!("where the kernel's program header puts it (p_paddr), inside {candidate}");
        placer.fix(SegmentKind::Kernel, range, segment.loaded, reason)?;
    }
    Ok(())
}

/// The pages of a part, which has to begin at a page boundary.
fn whole_pages(memory: PhysRange, page: u64) -> Result<PhysRange, PlanError> {
    let address = memory.start();
    if !address.is_multiple_of(page) {
        return Err(ElfError::Unaligned { address }.into());
    }
    let outside = ElfError::Outside { range: memory, within: "any memory" };
    let end = memory.end().checked_next_multiple_of(page);
    end.and_then(|end| PhysRange::new(address, end).ok()).ok_or(PlanError::Elf(outside))
}

#[cfg(test)]
mod tests;
