//! What is to be loaded.

use rules::Loader;

use crate::elf_kernel::ElfKernel;
use crate::image::{Arm64Image, Image};
use crate::plan::Purpose;
use crate::setup_header::SetupHeader;

/// What is to be loaded, by which system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// When the kernel is to be started.
    pub purpose: Purpose,
    /// The system call, and with kexec_load the loader that chooses the places: kexec-tools.
    pub loader: Loader,
    /// The kernel.
    pub kernel: KernelImage<'a>,
    /// Bytes of its initial ramdisk, if it has one.
    pub initrd: Option<u64>,
    /// Its command line.
    pub command_line: &'a str,
    /// Whether to keep off memory that can be unplugged. A load for crashes has its own memory all the same, and
    /// kexec_file_load cannot be told where to place.
    pub avoid_removable: bool,
    /// The loader's purgatory; `None` for its default, [`Purgatory::of`]. What has none takes no notice of one.
    pub purgatory: Option<Purgatory>,
}

/// What a kernel's header says of how it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelImage<'a> {
    /// An x86 bzImage.
    BzImage(SetupHeader),
    /// An x86_64 ELF kernel, `vmlinux`, which kexec_load alone takes.
    Elf(&'a ElfKernel),
    /// An arm64 Image.
    Arm64(Arm64Header),
}

/// What an arm64 Image's header says, by the names of Documentation/arch/arm64/booting.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm64Header {
    /// Bytes of the file.
    pub file_size: u64,
    /// How far behind a multiple of 2 MiB the image lies.
    pub text_offset: u64,
    /// The memory from the image's start that the kernel uses, in bytes.
    pub image_size: u64,
}

impl KernelImage<'_> {
    /// What it is for.
    pub const fn architecture(&self) -> &'static str {
        match self {
            Self::BzImage(_) | Self::Elf(_) => "x86",
            Self::Arm64(_) => "arm64",
        }
    }

    /// What the header of a parsed image says. `None` for one that no loader here takes as it is: a bzImage before
    /// boot protocol 2.10, an arm64 Image before Linux 3.17, whose headers do not say how much memory the kernel
    /// needs; ELF, which [`ElfKernel::of`] reads; and a zboot image, which has to be unpacked first.
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

/// The code between the two kernels. With kexec_file_load it is a part of the running kernel, with kexec_load of
/// kexec-tools; no file of a machine shows its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purgatory {
    /// Bytes that are loaded.
    pub loaded: u64,
    /// Bytes with its bss.
    pub size: u64,
}

impl Purgatory {
    /// That of Linux 6.12 on x86_64.
    pub const LINUX_X86: Self = Self { loaded: 0x4000, size: 0x5000 };
    /// That of kexec-tools 2.0.25 on x86_64.
    pub const KEXEC_TOOLS_X86: Self = Self { loaded: 0x70e0, size: 0x9000 };
    /// That of kexec-tools 2.0.25 on arm64.
    pub const KEXEC_TOOLS_ARM64: Self = Self { loaded: 0x3558, size: 0x3558 };

    /// The default of a loader, as loads of Debian machines show it; `None` where it has none, as kexec_file_load on arm64, or takes no
    /// such kernel.
    pub const fn of(loader: Loader, kernel: &KernelImage<'_>) -> Option<Self> {
        match (loader, kernel) {
            (Loader::KexecFileLoad, KernelImage::BzImage(_)) => Some(Self::LINUX_X86),
            (Loader::KexecFileLoad, KernelImage::Arm64(_) | KernelImage::Elf(_)) => None,
            (Loader::KexecLoad, KernelImage::BzImage(_) | KernelImage::Elf(_)) => Some(Self::KEXEC_TOOLS_X86),
            (Loader::KexecLoad, KernelImage::Arm64(_)) => Some(Self::KEXEC_TOOLS_ARM64),
        }
    }
}
