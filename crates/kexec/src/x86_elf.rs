//! What kexec-tools 2.0.25 does by kexec_load on x86_64 with an ELF kernel, `vmlinux`.
//!
//! As for a bzImage ([`x86_load`](crate::x86_load)), this is the behaviour of one program, as it was seen: what
//! `kexec -d -c -l --args-linux` and `kexec -d -c -p --args-linux` print, with kernels and with files made up to find the
//! edges of each rule, on machines and on maps made up likewise. Without `--args-linux` kexec-tools refuses an initial
//! ramdisk, and loads other segments than the boot parameters, which was not looked at further.
//!
//! Each part of the kernel lies where its header says (`p_paddr`), and is never moved. Then purgatory and
//! the boot parameters go to the lowest places there are; for crashes the backup of the first 640 KiB and the header of the
//! dump to the highest; the initial ramdisk to the highest below 896 MiB, for crashes, too: where the crash kernel's area
//! lies above, there is none; and setup_data to the lowest again.

use machine::Machine;
use memblock::PhysRange;
use rules::Loader;

use crate::elf_error::ElfError;
use images::ElfKernel;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::placing::{Placing, Wanted};
use crate::plan::Layout;
use crate::request::{Purgatory, Request};
use crate::segment::SegmentKind;
use crate::x86_load;

/// The zero page as far as the places of EDD end (0xd00 + 6 * 82, Documentation/arch/x86/zero-page.rst), and 2048 bytes for
/// the command line, however long it is.
const BOOT_PARAMETERS: u64 = 0x16ec;
/// Bytes of the command line that find room, the NUL behind them counted.
const MOST_COMMAND_LINE: usize = 2048;
/// Where an initial ramdisk may lie: above 16 MiB, below 896 MiB.
const MIN_INITRD: u64 = 0x100_0000;
const INITRD_LIMIT: u64 = 0x3800_0000;

/// Finds the segments' places, and what the next kernel is told.
pub(crate) fn lay(
    machine: &Machine,
    facts: &Facts,
    ground: &Ground,
    kernel: &ElfKernel,
    request: &Request<'_>,
) -> Result<Layout, PlanError> {
    if request.loader == Loader::KexecFileLoad {
        return Err(ElfError::NoFileLoad.into());
    }
    let mut placing = Placing::new(ground);
    place_kernel(&mut placing, ground, kernel)?;
    let purgatory = request.purgatory.unwrap_or(Purgatory::KEXEC_TOOLS_X86);
    placing.place(Wanted::lowest(SegmentKind::Purgatory, purgatory.loaded, purgatory.size))?;
    placing.place(Wanted::lowest(SegmentKind::BootParameters, BOOT_PARAMETERS, BOOT_PARAMETERS))?;
    let (map, command_line) = x86_load::tell(&mut placing, machine, facts, ground, request)?;
    if let Some(size) = request.initrd.filter(|&size| size > 0) {
        let place = placing.place(Wanted {
            min: MIN_INITRD,
            limit: INITRD_LIMIT,
            ..Wanted::highest(SegmentKind::Initrd, size, size)
        });
        place.map_err(|error| match error {
            // That of another loader names the largest range, which may well lie above the limit.
            PlanError::NoHole { size, min, .. } => {
                PlanError::Elf(ElfError::InitrdLimit { size, min, limit: INITRD_LIMIT })
            }
            error => error,
        })?;
    }
    // On machines with EFI nothing of it is handed on, as it is with a bzImage.
    x86_load::place_setup_data(&mut placing, 0, map)?;
    Ok(Layout { segments: placing.segments(), command_line: cut(command_line), chosen: None })
}

/// The command line as far as it finds room; nobody is told of the rest.
fn cut(mut command_line: String) -> String {
    if command_line.len() >= MOST_COMMAND_LINE {
        let end = (0..MOST_COMMAND_LINE).rev().find(|&end| command_line.is_char_boundary(end));
        command_line.truncate(end.unwrap_or(0));
    }
    command_line
}

/// Each part where its header says, in the order of the file.
fn place_kernel(placing: &mut Placing<'_>, ground: &Ground, kernel: &ElfKernel) -> Result<(), PlanError> {
    for segment in &kernel.segments {
        let range = whole_pages(segment.memory, ground.page)?;
        let within = if ground.crash.is_some() { "the crash kernel's area" } else { "RAM" };
        let outside = PlanError::Elf(ElfError::Outside { range, within });
        let candidate =
            ground.candidates.iter().find(|candidate| candidate.encloses(range)).ok_or(outside)?;
        let reason = format!("where the kernel's program header has it (p_paddr), inside {candidate}");
        placing.fix(SegmentKind::Kernel, range, segment.loaded, reason)?;
    }
    Ok(())
}

/// The pages of a part, which has to begin with one.
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
