//! What kexec_file_load does on x86_64 with a bzImage.
//!
//! All segments go to the highest place there is, but for the header of a dump, in this order: header, purgatory,
//! boot parameters, kernel, initial ramdisk (arch/x86/kernel/kexec-bzimage64.c:bzImage64_load, 6.12).

use machine::Machine;
use memblock::PhysRange;
use memblock::rules::{HandOver, Rules};

use crate::candidates::{candidates, dumped};
use crate::crash::{CrashKernel, HeaderSize};
use crate::error::PlanError;
use crate::facts::Facts;
use crate::image::BzImage;
use crate::next_kernel::NextMap;
use crate::placement::Direction;
use crate::plan::{Placing, Plan, Purpose, SegmentKind, Wanted};

/// The lowest starts: of purgatory and the boot parameters, of a kernel, and of an initial ramdisk.
const MIN_LOW: u64 = 0x3000;
const MIN_KERNEL: u64 = 0x10_0000;
const MIN_INITRD: u64 = 0x100_0000;

/// The zero page.
const BOOT_PARAMS: u64 = 0x1000;
/// Set aside for `elfcorehdr=0x... `, whether or not the load is for crashes.
const ELFCOREHDR_PARAMETER: u64 = 30;
/// What follows the command line and EFI's map: setup_data of EFI, 16 + 96 bytes, whether or not there is EFI, and a
/// seed for random numbers, 16 + 32 bytes. Kernels with CONFIG_IMA_KEXEC (`ima_setup_data`) have 32 more.
const SETUP_DATA: u64 = 160;

/// What a bzImage's setup header says of how it is loaded, by the names of Documentation/arch/x86/boot.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelImage {
    /// Bytes of the file.
    pub file_size: u64,
    /// Sectors of 512 bytes of the setup code, the boot sector not counted; 0 stands for 4.
    pub setup_sects: u8,
    /// Where the kernel would like to lie.
    pub pref_address: u64,
    /// Its start must be a multiple of this.
    pub kernel_alignment: u64,
    /// Bytes it needs from its start on until it has looked at the memory map.
    pub init_size: u64,
    /// The longest command line, without the NUL behind it.
    pub cmdline_size: u64,
}

impl KernelImage {
    /// What a parsed header says. `None` for a boot protocol before 2.10, whose headers do not say how much memory a
    /// kernel needs; kexec_file_load takes none before 2.12
    /// ([`BzImage::check_kexec_file_load`](crate::image::BzImage::check_kexec_file_load)).
    pub fn of(image: &BzImage) -> Option<Self> {
        Some(Self {
            file_size: u64::try_from(image.file_size).ok()?,
            setup_sects: image.setup_sects,
            pref_address: image.pref_address.unwrap_or(0),
            kernel_alignment: image.kernel_alignment?.into(),
            init_size: image.init_size?.into(),
            cmdline_size: image.cmdline_size.into(),
        })
    }

    /// Bytes of the file that are loaded: all behind the setup code.
    ///
    /// `None` when the file ends before.
    pub fn loaded(&self) -> Option<u64> {
        let sectors = match self.setup_sects {
            0 => 4,
            sectors => u64::from(sectors),
        };
        self.file_size.checked_sub(sectors.saturating_add(1).saturating_mul(512)).filter(|&rest| rest > 0)
    }
}

/// The code between the two kernels: a part of the running kernel, whose size no file shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purgatory {
    /// Bytes that are loaded.
    pub loaded: u64,
    /// Bytes with its bss.
    pub size: u64,
}

/// That of Linux 6.12.
impl Default for Purgatory {
    fn default() -> Self {
        Self { loaded: 0x4000, size: 0x5000 }
    }
}

/// What is to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// When the kernel is to be started.
    pub purpose: Purpose,
    /// The kernel.
    pub kernel: KernelImage,
    /// Bytes of its initial ramdisk, if it has one.
    pub initrd: Option<u64>,
    /// Its command line.
    pub command_line: &'a str,
    /// The running kernel's purgatory.
    pub purgatory: Purgatory,
    /// Bytes of EFI's runtime map that is handed on; 0 on a machine without EFI.
    pub efi_map: u64,
}

/// Plans a load.
///
/// # Errors
///
/// [`PlanError`] when the load would fail, or when it depends on what is not known.
pub fn plan(
    machine: &Machine,
    facts: &Facts,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Plan, PlanError> {
    if machine.kernel.for_rules.hand_over != HandOver::E820 {
        return Err(PlanError::NoE820);
    }
    let parameters = boot_parameters_size(request)?;
    match request.purpose {
        Purpose::Reboot => {
            let candidates = candidates(machine, facts, rules)?;
            let mut placing = Placing::new(&candidates, machine.kernel.page_size);
            place_image(&mut placing, request, parameters)?;
            let map = NextMap::after_reboot(facts)?;
            Ok(Plan {
                purpose: request.purpose,
                segments: placing.segments(),
                command_line: request.command_line.to_owned(),
                next_kernel: map.entries,
                next_kernel_lacks: map.dropped,
                vmcore: Vec::new(),
            })
        }
        Purpose::Crash => {
            let crash_kernel = CrashKernel::of(machine)?;
            // The reservation is what a crash kernel is loaded into, and nothing else; no search of RAM is made.
            let area: [PhysRange; 1] = [crash_kernel.area];
            let vmcore = dumped(machine, &crash_kernel, rules)?;
            let size = HeaderSize::of(facts, u64::try_from(vmcore.len()).unwrap_or(u64::MAX))?;
            let mut placing = Placing::new(&area, machine.kernel.page_size);
            let header = placing.place(Wanted {
                kind: SegmentKind::ElfCoreHeader,
                loaded: size.loaded,
                size: size.room,
                alignment: 0,
                min: 0,
                direction: Direction::BottomUp,
            })?;
            place_image(&mut placing, request, parameters)?;
            let map = NextMap::after_crash(machine, &crash_kernel, header, size)?;
            Ok(Plan {
                purpose: request.purpose,
                segments: placing.segments(),
                command_line: format!("elfcorehdr={:#x} {}", header.start(), request.command_line),
                next_kernel: map.entries,
                next_kernel_lacks: map.dropped,
                vmcore,
            })
        }
    }
}

/// What every load places, in order.
fn place_image(placing: &mut Placing<'_>, request: &Request<'_>, parameters: u64) -> Result<(), PlanError> {
    let Request { kernel, purgatory, .. } = request;
    let wanted = |kind, loaded, size, min| Wanted {
        kind,
        loaded,
        size,
        alignment: 0,
        min,
        direction: Direction::TopDown,
    };
    placing.place(wanted(SegmentKind::Purgatory, purgatory.loaded, purgatory.size, MIN_LOW))?;
    placing.place(wanted(SegmentKind::BootParameters, parameters, parameters, MIN_LOW))?;
    let loaded = kernel.loaded().ok_or(PlanError::NoKernel { file_size: kernel.file_size })?;
    let min = kernel.pref_address.max(MIN_KERNEL);
    placing.place(Wanted {
        alignment: kernel.kernel_alignment,
        ..wanted(SegmentKind::Kernel, loaded, kernel.init_size, min)
    })?;
    if let Some(size) = request.initrd.filter(|&size| size > 0) {
        placing.place(wanted(SegmentKind::Initrd, size, size, MIN_INITRD))?;
    }
    Ok(())
}

/// Bytes of the boot parameters: the zero page, the command line with the NUL behind it and room for `elfcorehdr=`,
/// rounded up to 16; EFI's map, rounded up to 16; and setup_data.
fn boot_parameters_size(request: &Request<'_>) -> Result<u64, PlanError> {
    let length = u64::try_from(request.command_line.len()).unwrap_or(u64::MAX).saturating_add(1);
    let added = match request.purpose {
        Purpose::Reboot => 0,
        Purpose::Crash => ELFCOREHDR_PARAMETER,
    };
    let most = request.kernel.cmdline_size;
    if length.saturating_add(added) > most {
        return Err(PlanError::CommandLineTooLong { length, added, most });
    }
    let size = || {
        let line = BOOT_PARAMS.checked_add(length)?.checked_add(ELFCOREHDR_PARAMETER)?;
        let efi_map = request.efi_map.checked_next_multiple_of(16)?;
        line.checked_next_multiple_of(16)?.checked_add(efi_map)?.checked_add(SETUP_DATA)
    };
    size().ok_or(PlanError::EfiMap { size: request.efi_map })
}

#[cfg(test)]
mod tests;
