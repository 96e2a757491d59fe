//! What a kernel's header says about how it is loaded, whatever its format.

use crate::elf_kernel::ElfKernel;
use crate::setup_header::SetupHeader;
use crate::{Arm64Image, Image};

/// What a kernel's header says about how it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelImage<'a> {
    /// An x86 bzImage.
    BzImage(SetupHeader),
    /// An x86_64 ELF kernel, `vmlinux`, which only kexec_load takes.
    Elf(&'a ElfKernel),
    /// An arm64 Image.
    Arm64(Arm64Header),
}

/// What an arm64 Image's header says, with the names of Documentation/arch/arm64/booting.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm64Header {
    /// Bytes of the file.
    pub file_size: u64,
    /// The image's offset from a multiple of 2 MiB.
    pub text_offset: u64,
    /// The memory that the kernel uses from the image's start on, in bytes.
    pub image_size: u64,
}

impl KernelImage<'_> {
    /// The architecture it is for.
    pub const fn architecture(&self) -> &'static str {
        match self {
            Self::BzImage(_) | Self::Elf(_) => "x86",
            Self::Arm64(_) => "arm64",
        }
    }

    /// What the header of a parsed image says. `None` for an image that no loader here takes as it is: a
    /// bzImage before boot protocol 2.10 or an arm64 Image before Linux 3.17, whose headers do not say how
    /// much memory the kernel needs; ELF, which [`ElfKernel::of`] reads; and a zboot image, which has to be
    /// unpacked first.
    pub fn of(image: &Image<'_>) -> Option<Self> {
        match image {
            Image::BzImage(image) => SetupHeader::of(image).map(Self::BzImage),
            Image::Arm64(image) => Arm64Header::of(image).map(Self::Arm64),
            Image::Elf(_) | Image::Zboot(_) => None,
        }
    }
}

impl Arm64Header {
    /// What a parsed header says; `None` before Linux 3.17.
    pub fn of(image: &Arm64Image) -> Option<Self> {
        Some(Self {
            file_size: u64::try_from(image.file_size).ok()?,
            text_offset: image.text_offset,
            image_size: image.image_size?,
        })
    }
}
