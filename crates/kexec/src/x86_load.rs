//! What kexec-tools 2.0.25 does by kexec_load on x86_64 with a bzImage.
//!
//! User space places the segments and writes the map, so this is the behaviour of one program, as it was seen: what
//! `kexec -d -c -l` and `kexec -d -c -p` print on captured machines, and on ones whose /sys/firmware/memmap and
//! /proc/iomem were made up to find the edges of each rule.
//!
//! For crashes, the backup of the first 640 KiB and the header of the dump come first. Then, in this order, purgatory,
//! boot parameters, kernel and initial ramdisk go to the highest place there is, and setup_data to the lowest.

mod crash;
mod memory;

use machine::Machine;

use crate::crash::HeaderSize;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::next_kernel::{MOST_ENTRIES, NextMap};
use crate::placing::{Placing, Wanted};
use crate::plan::Layout;
use crate::request::{Purgatory, Request};
use crate::segment::SegmentKind;
use images::SetupHeader;
use crate::x86_image::{self, MIN_KERNEL, Parts};

pub(crate) use crash::header_size;
pub(crate) use memory::{kind, ram};

/// The lowest start of setup_data.
const MIN_SETUP_DATA: u64 = 0x10_0000;

/// The boot parameters begin with the kernel's setup code, of which at least a page is taken.
const MIN_SETUP_CODE: u64 = 0x1000;
/// What stands between the setup code and the command line.
const BEFORE_COMMAND_LINE: u64 = 0x40;

/// setup_data has a header of 16 bytes (Documentation/arch/x86/boot.rst, "setup_data").
const SETUP_DATA_HEADER: u64 = 16;
/// An e820 entry (Documentation/arch/x86/zero-page.rst).
const E820_ENTRY: u64 = 20;
/// What is handed on of EFI: 16 + 96 bytes, on a machine with EFI alone.
const EFI_SETUP_DATA: u64 = 0x70;
/// A seed for random numbers, 16 + 32 bytes.
const RANDOM_SEED: u64 = 0x30;

/// Finds the segments' places, and what the next kernel is told.
pub(crate) fn lay(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    kernel: &SetupHeader,
    request: &Request<'_>,
) -> Result<Layout, PlanError> {
    let given = length(request.command_line);
    if given > kernel.cmdline_size {
        return Err(PlanError::CommandLineTooLong { length: given, added: 0, most: kernel.cmdline_size });
    }
    let mut placing = Placing::new(ground);
    let (map, command_line) = tell(&mut placing, machine, facts, ground, request)?;
    let setup_code = kernel.setup_code().max(MIN_SETUP_CODE).saturating_add(BEFORE_COMMAND_LINE);
    let parts = Parts {
        purgatory: request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_X86),
        parameters: setup_code.saturating_add(length(&command_line)),
        // Unlike kexec_file_load, it takes no notice of the address that the kernel would like to have.
        kernel_min: MIN_KERNEL,
        initrd: request.initrd,
    };
    x86_image::place(&mut placing, kernel, &parts)?;
    place_setup_data(&mut placing, ground.efi_map, map)?;
    Ok(Layout { segments: placing.segments(), command_line, chosen: None })
}

/// The map of the next kernel and its command line; for crashes with what both tell of, which is placed.
pub(crate) fn tell<'a>(
    placing: &mut Placing<'_>,
    machine: &Machine,
    facts: &Facts,
    ground: &'a Ground,
    request: &Request<'_>,
) -> Result<(&'a NextMap, String), PlanError> {
    if let Some(crash) = &ground.crash {
        let saved = crash::backup_area(machine)?;
        let backup = placing.place(Wanted::highest(SegmentKind::Backup, saved.size(), saved.size()))?;
        let HeaderSize { loaded, room } = crash.header;
        let header = placing.place(Wanted::highest(SegmentKind::ElfCoreHeader, loaded, room))?;
        let taken = [(header, room), (backup, saved.size())];
        let map = ground.next_map(|| crash::map(machine, &crash.kernel, saved, taken))?;
        let rsdp = crash::told_rsdp(&request.kernel, facts);
        return Ok((map, crash::command_line(request.command_line, rsdp, header)?));
    }
    let made = || {
        let entries = memory::told_after_reboot(machine, facts)?;
        Ok(NextMap { entries, dropped: Vec::new() })
    };
    Ok((ground.next_map(made)?, request.command_line.to_owned()))
}

/// Bytes of a command line with the NUL behind it.
fn length(command_line: &str) -> u64 {
    u64::try_from(command_line.len()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Each piece of setup_data is a segment of its own, and takes a page at least. Of EFI's runtime map so many bytes are
/// handed on.
pub(crate) fn place_setup_data(
    placing: &mut Placing<'_>,
    efi_map: u64,
    map: &NextMap,
) -> Result<(), PlanError> {
    let efi = (efi_map > 0).then_some([EFI_SETUP_DATA, efi_map]);
    let behind = map.entries.len().saturating_sub(MOST_ENTRIES);
    let behind = u64::try_from(behind).ok().filter(|&entries| entries > 0);
    let more_map = behind.map(|entries| entries.saturating_mul(E820_ENTRY).saturating_add(SETUP_DATA_HEADER));
    for size in efi.into_iter().flatten().chain(more_map).chain([RANDOM_SEED]) {
        let wanted = Wanted::lowest(SegmentKind::SetupData, size, size);
        placing.place(Wanted { min: MIN_SETUP_DATA, ..wanted })?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
