//! The kernel in its file: what of it is loaded, and where it is entered.

use images::bz_image::Paging;
use images::elf::Machine as ElfMachine;
use images::{Arm64Header, Arm64Image, BzImage, KernelImage, SetupHeader};
use machine::Machine;

use super::ContentsError;

/// Bytes from the start of an x86 kernel to its 64-bit entry (Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL").
const X86_ENTRY: u64 = 0x200;

/// A kernel that can be entered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel<'a> {
    /// What it runs on.
    pub(super) machine: ElfMachine,
    /// The part of its file that is loaded.
    pub(super) loaded: &'a [u8],
    /// Bytes from the start of that to where it is entered.
    pub(super) entry: u64,
}

/// The kernel in a file, if it is the planned one and can be entered.
pub(super) fn of<'a>(
    machine: &Machine,
    planned: &KernelImage<'_>,
    file: &'a [u8],
) -> Result<Kernel<'a>, ContentsError> {
    match planned {
        KernelImage::BzImage(planned) => bz_image(machine, planned, file),
        KernelImage::Arm64(planned) => arm64_image(*planned, file),
        KernelImage::Elf(_) => Err(ContentsError::NotOurs),
    }
}

fn bz_image<'a>(
    machine: &Machine,
    planned: &SetupHeader,
    file: &'a [u8],
) -> Result<Kernel<'a>, ContentsError> {
    let image = BzImage::new(file)?;
    if SetupHeader::of(&image) != Some(*planned) {
        return Err(ContentsError::OtherFile { what: "the kernel" });
    }
    let paging = match machine.state.page_table_levels {
        Some(5) => Paging::FiveLevel,
        _ => Paging::FourLevel,
    };
    image.check_64_bit_entry(paging)?;
    let setup_code = usize::try_from(planned.setup_code()).unwrap_or(usize::MAX);
    let loaded = file.get(setup_code..).filter(|kernel| !kernel.is_empty());
    let loaded = loaded.ok_or(ContentsError::OtherFile { what: "the kernel" })?;
    Ok(Kernel { machine: ElfMachine::X86_64, loaded, entry: X86_ENTRY })
}

/// An Image lies in its file as it lies in memory, and is entered at its first byte.
fn arm64_image(planned: Arm64Header, file: &[u8]) -> Result<Kernel<'_>, ContentsError> {
    let image = Arm64Image::new(file)?;
    if Arm64Header::of(&image) != Some(planned) {
        return Err(ContentsError::OtherFile { what: "the kernel" });
    }
    Ok(Kernel { machine: ElfMachine::Aarch64, loaded: file, entry: 0 })
}
