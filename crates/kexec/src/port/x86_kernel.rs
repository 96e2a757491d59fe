//! What kexec_file_load does on x86_64 with a bzImage.
//!
//! All segments go to the highest place, except the header of a dump, which goes to the lowest. Their order:
//! header, purgatory, boot parameters, kernel, initial ramdisk
//! (arch/x86/kernel/kexec-bzimage64.c:bzImage64_load, 6.12).

use images::{KernelImage, SetupHeader};
use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::context::LoadContext;
use crate::dump::header::HeaderSize;
use crate::error::{ElfError, PlanError};
use crate::kho;
use crate::place::kernel_search;
use crate::place::segments::{SegmentNeeds, SegmentPlacer};
use crate::port::steps::{Begun, Layout, Port};
use crate::port::x86_image::{self, MIN_KERNEL, MIN_LOW, Parts};
use crate::request::Purgatory;
use crate::segment::SegmentKind;
use crate::tell::by_rules;
use crate::tell::e820::NextMap;

/// The zero page.
const BOOT_PARAMS: u64 = 0x1000;
/// Set aside for `elfcorehdr=0x... `, whether or not the load is for crashes.
const ELFCOREHDR_PARAMETER: u64 = 30;
/// What follows the command line and EFI's map: EFI's setup_data, 16 + 96 bytes, whether or not there is EFI,
/// and a random seed, 16 + 32 bytes. Some kernels are configured to have more.
const SETUP_DATA: u64 = 160;

/// kexec_file_load on x86_64.
#[derive(Debug)]
pub(crate) struct X86Kernel;

impl Port for X86Kernel {
    fn search_ranges(&self, machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
        kernel_search::search_ranges(machine, rules)
    }

    fn purgatory(&self) -> Option<Purgatory> {
        Some(Purgatory::LINUX_X86)
    }

    fn begin<'c>(&self, context: &'c LoadContext<'_>) -> Result<Begun<'c>, PlanError> {
        let (machine, request) = (context.machine, context.request);
        let KernelImage::BzImage(kernel) = &request.kernel else {
            return Err(ElfError::NoFileLoad.into());
        };
        let parameters = boot_parameters_size(context, kernel)?;
        let mut placer = SegmentPlacer::new(&context.space);
        let (map, command_line) = if let Some(crash) = &context.crash {
            let HeaderSize { loaded, room } = crash.header;
            let header = placer.place(SegmentNeeds::lowest(SegmentKind::ElfCoreHeader, loaded, room))?;
            let map = NextMap::after_crash(machine, &crash.kernel, header, crash.header)?;
            (map, format!("elfcorehdr={:#x} {}", header.start(), request.command_line))
        } else {
            let map = machine.state.firmware_map.clone().ok_or(PlanError::NoMap)?;
            let map = by_rules::corrected(map, machine, Loader::KexecFileLoad, context.rules);
            (NextMap::with_the_first(map), request.command_line.to_owned())
        };
        if let Some(areas) = context.space.scratch_list {
            kho::place(&mut placer, areas)?;
        }
        let parts = Parts {
            purgatory: request.purgatory.unwrap_or(Purgatory::LINUX_X86),
            parameters,
            low_min: MIN_LOW,
            kernel_min: kernel.pref_address.max(MIN_KERNEL),
            limit: u64::MAX,
        };
        x86_image::place(&mut placer, kernel, &parts)?;
        Ok(Begun { placer, map, command_line })
    }

    fn complete(
        &self,
        _: &LoadContext<'_>,
        begun: &Begun<'_>,
        initrd: Option<u64>,
    ) -> Result<Layout, PlanError> {
        let mut placer = begun.placer.clone();
        x86_image::place_initrd(&mut placer, initrd, u64::MAX)?;
        Ok(Layout { segments: placer.segments(), chosen: None })
    }
}

/// Bytes of the boot parameters: the zero page, the command line with its trailing NUL and room for
/// `elfcorehdr=`, rounded up to 16; EFI's map, rounded up to 16; and setup_data.
fn boot_parameters_size(context: &LoadContext<'_>, kernel: &SetupHeader) -> Result<u64, PlanError> {
    let state = &context.machine.state;
    // The descriptors are copied as they are.
    let efi_map = state.efi_runtime.map_or(0, |map| map.entries.saturating_mul(map.descriptor));
    let length = u64::try_from(context.request.command_line.len()).unwrap_or(u64::MAX).saturating_add(1);
    // Set aside for crash loads, but checked in every load (arch/x86/kernel/kexec-bzimage64.c:bzImage64_load,
    // 6.12).
    let added = ELFCOREHDR_PARAMETER;
    let most = kernel.cmdline_size;
    if length.saturating_add(added) > most {
        return Err(PlanError::CommandLineTooLong { length, added, most });
    }
    let size = || {
        let line = BOOT_PARAMS.checked_add(length)?.checked_add(ELFCOREHDR_PARAMETER)?;
        let efi_map = efi_map.checked_next_multiple_of(16)?;
        line.checked_next_multiple_of(16)?
            .checked_add(efi_map)?
            .checked_add(SETUP_DATA)?
            .checked_add(state.configured.setup_data())
    };
    size().ok_or(PlanError::EfiMap { size: efi_map })
}

#[cfg(test)]
mod tests;
