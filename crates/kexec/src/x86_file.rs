//! What kexec_file_load does on x86_64 with a bzImage.
//!
//! All segments go to the highest place there is, but for the header of a dump, in this order: header, purgatory,
//! boot parameters, kernel, initial ramdisk (arch/x86/kernel/kexec-bzimage64.c:bzImage64_load, 6.12).

use machine::Machine;

use crate::crash::HeaderSize;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::handover;
use crate::next_kernel::NextMap;
use crate::placing::{Placing, Wanted};
use crate::plan::Layout;
use crate::request::{Purgatory, Request};
use crate::segment::SegmentKind;
use images::SetupHeader;
use crate::x86_image::{self, MIN_KERNEL, Parts};

/// The zero page.
const BOOT_PARAMS: u64 = 0x1000;
/// Set aside for `elfcorehdr=0x... `, whether or not the load is for crashes.
const ELFCOREHDR_PARAMETER: u64 = 30;
/// What follows the command line and EFI's map: setup_data of EFI, 16 + 96 bytes, whether or not there is EFI, and a
/// seed for random numbers, 16 + 32 bytes. Some kernels are configured to have more.
const SETUP_DATA: u64 = 160;

/// Finds the segments' places, and what the next kernel is told.
pub(crate) fn lay(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    kernel: &SetupHeader,
    request: &Request<'_>,
) -> Result<Layout, PlanError> {
    let parameters = boot_parameters_size(ground, kernel, request)?;
    let mut placing = Placing::new(ground);
    let command_line = if let Some(crash) = &ground.crash {
        let HeaderSize { loaded, room } = crash.header;
        let header = placing.place(Wanted::lowest(SegmentKind::ElfCoreHeader, loaded, room))?;
        ground.next_map(|| NextMap::after_crash(machine, &crash.kernel, header, crash.header))?;
        format!("elfcorehdr={:#x} {}", header.start(), request.command_line)
    } else {
        ground.next_map(|| NextMap::after_reboot(facts))?;
        request.command_line.to_owned()
    };
    if ground.in_order {
        handover::place(&mut placing, ground.candidates.len())?;
    }
    let parts = Parts {
        purgatory: request.purgatory.unwrap_or(Purgatory::LINUX_X86),
        parameters,
        kernel_min: kernel.pref_address.max(MIN_KERNEL),
        initrd: request.initrd,
    };
    x86_image::place(&mut placing, kernel, &parts)?;
    Ok(Layout { segments: placing.segments(), command_line, chosen: None })
}

/// Bytes of the boot parameters: the zero page, the command line with the NUL behind it and room for `elfcorehdr=`,
/// rounded up to 16; EFI's map, rounded up to 16; and setup_data.
fn boot_parameters_size(
    ground: &Ground,
    kernel: &SetupHeader,
    request: &Request<'_>,
) -> Result<u64, PlanError> {
    let length = u64::try_from(request.command_line.len()).unwrap_or(u64::MAX).saturating_add(1);
    // Set aside for a crash, and asked of every load (arch/x86/kernel/kexec-bzimage64.c:bzImage64_load, 6.12).
    let added = ELFCOREHDR_PARAMETER;
    let most = kernel.cmdline_size;
    if length.saturating_add(added) > most {
        return Err(PlanError::CommandLineTooLong { length, added, most });
    }
    let size = || {
        let line = BOOT_PARAMS.checked_add(length)?.checked_add(ELFCOREHDR_PARAMETER)?;
        let efi_map = ground.efi_map.checked_next_multiple_of(16)?;
        line.checked_next_multiple_of(16)?
            .checked_add(efi_map)?
            .checked_add(SETUP_DATA)?
            .checked_add(ground.more_setup_data)
    };
    size().ok_or(PlanError::EfiMap { size: ground.efi_map })
}

#[cfg(test)]
mod tests;
