//! What kexec-tools 2.0.25 does on x86_64 with a bzImage, by kexec_load.
//!
//! User space places the segments and writes the map, so this is the behavior of one program, as observed:
//! what `kexec -d -c -l` and `kexec -d -c -p` print on captured machines, and on ones whose
//! /sys/firmware/memmap and /proc/iomem were made up to find the edges of each rule.
//!
//! In a crash load, the backup of the first 640 KiB and the header of the dump come first. Then purgatory,
//! boot parameters, kernel and initial ramdisk go, in this order, to the highest place, and setup_data to the
//! lowest.

use images::KernelImage;
use machine::Machine;
use machine::releases::KexecTools;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::dump::header::{CrashKernel, HeaderSize};
use crate::dump::ranges::dumped;
use crate::error::PlanError;
use crate::place::segments::SegmentPlacer;
use crate::port::steps::{Begun, Layout, Port};
use crate::port::x86_image::{self, MIN_KERNEL, MIN_LOW, Parts};
use crate::port::x86_tools_common::{crash, length, memory, setup_data, tell};
use crate::request::Purgatory;

/// The boot parameters begin with the kernel's setup code, which counts as at least a page.
const MIN_SETUP_CODE: u64 = 0x1000;
/// Bytes between the setup code and the command line.
const BEFORE_COMMAND_LINE: u64 = 0x40;

/// kexec_load by kexec-tools on x86_64, with a bzImage.
#[derive(Debug)]
pub(crate) struct X86Tools;

impl Port for X86Tools {
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
        let KernelImage::BzImage(kernel) = &request.kernel else {
            return Err(PlanError::OtherArchitecture { kernel: request.kernel.architecture() });
        };
        let given = length(request.command_line);
        if given > kernel.cmdline_size {
            return Err(PlanError::CommandLineTooLong { length: given, added: 0, most: kernel.cmdline_size });
        }
        let mut placer = SegmentPlacer::new(&context.space);
        let (map, command_line) = tell(&mut placer, context)?;
        let setup_code = kernel.setup_code().max(MIN_SETUP_CODE).saturating_add(BEFORE_COMMAND_LINE);
        let tools = request.known_tools(context.machine).unwrap_or(KexecTools::CHECKED);
        let kernel_min = if tools.honors_pref_address() { kernel.pref_address } else { 0 };
        let parts = Parts {
            purgatory: request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_X86),
            parameters: setup_code.saturating_add(length(&command_line)),
            low_min: MIN_LOW,
            kernel_min: kernel_min.max(MIN_KERNEL),
            limit: u64::MAX,
        };
        x86_image::place(&mut placer, kernel, &parts)?;
        Ok(Begun { placer, map, command_line })
    }

    fn complete(
        &self,
        context: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let mut placer = begun.placer.clone();
        x86_image::place_initrd(&mut placer, initrd, u64::MAX)?;
        setup_data::place(&mut placer, setup_data::efi_map(context), &begun.map)?;
        Ok(Layout { segments: placer.segments(), chosen: None })
    }
}

#[cfg(test)]
pub(crate) mod tests;
