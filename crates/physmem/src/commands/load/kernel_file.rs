//! The files of a load: the kernel and its initial ramdisk.

use std::path::Path;

use images::bz_image::{Paging, Unloadable};
use images::{BzImage, Image};
use kexec::{ElfKernel, KernelImage};

use machine::{Machine, Unknown};

use crate::failure::Failure;

const OPTION: &str = "--kernel";
/// An unpacked kernel is some tens of MiB; a larger file is no kernel.
const LARGEST_KERNEL: u64 = 1 << 30;

/// The kernel in a file.
#[derive(Debug)]
pub(crate) enum KernelFile {
    /// An x86 kernel; its header says which paging modes it can be entered in.
    X86(BzImage),
    /// An x86_64 vmlinux.
    Elf(ElfKernel),
    /// Any other.
    Other(KernelImage<'static>),
}

impl KernelFile {
    /// Reads the header; for a kernel packed into an EFI program, that of the kernel inside.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        size_of(OPTION, path)?;
        let bytes = std::fs::read(path).map_err(|source| Failure::Given {
            option: OPTION,
            path: path.to_owned(),
            source,
        })?;
        Self::of_bytes(path, &bytes)
    }

    /// The same from the file's contents.
    pub(crate) fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        let failure = |source| Failure::Image { path: path.to_owned(), source };
        let unpacked = Self::unpacked(path, bytes)?;
        Self::of(path, &Image::new(unpacked.as_deref().unwrap_or(bytes)).map_err(failure)?)
    }

    /// The kernel inside, where the file is a kernel packed into an EFI program, which unpacks itself only for EFI.
    pub(crate) fn unpacked(path: &Path, bytes: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let failure = |source| Failure::Image { path: path.to_owned(), source };
        let Image::Zboot(packed) = Image::new(bytes).map_err(failure)? else { return Ok(None) };
        let unpacked = packed.unpack(LARGEST_KERNEL);
        unpacked
            .map(Some)
            .map_err(|source| Failure::Packed { path: path.to_owned(), why: source.to_string() })
    }

    fn of(path: &Path, image: &Image<'_>) -> Result<Self, Failure> {
        let known = match image {
            Image::BzImage(image) => Some(Self::X86(image.clone())),
            Image::Elf(image) => ElfKernel::of(image).map(Self::Elf),
            _ => KernelImage::of(image).map(Self::Other),
        };
        known.ok_or_else(|| Failure::ImageKind { path: path.to_owned(), kind: image.to_string() })
    }

    /// The kernel as a plan takes it.
    pub(crate) fn image(&self, path: &Path) -> Result<KernelImage<'_>, Failure> {
        match self {
            Self::X86(image) => KernelImage::of(&Image::BzImage(image.clone())).ok_or_else(|| {
                let source = Unloadable::ProtocolTooOld { version: image.version };
                Failure::Unloadable { path: path.to_owned(), source }
            }),
            Self::Elf(kernel) => Ok(KernelImage::Elf(kernel)),
            Self::Other(kernel) => Ok(*kernel),
        }
    }

    /// Checks whether kexec_file_load would accept it on this machine; returns what had to be assumed.
    pub(crate) fn check(&self, path: &Path, machine: &Machine) -> Result<Option<Unknown>, Failure> {
        // The plan reports that kexec_file_load accepts no ELF kernel.
        let Self::X86(image) = self else { return Ok(None) };
        image
            .check_kexec_file_load(paging(machine))
            .map_err(|source| Failure::Unloadable { path: path.to_owned(), source })?;
        let is_assumed = machine.state.page_table_levels.is_none() && self.depends_on_paging();
        Ok(is_assumed.then(|| {
            Unknown::new(
                "how many levels the running kernel's page tables have",
                "the kernel log does not show max_arch_pfn",
                "taken as four: under five, this kernel cannot be loaded (XLF_5LEVEL is not set)",
            )
        }))
    }

    /// Checks whether physmem's own load could enter it on this machine.
    pub(crate) fn check_entry(&self, path: &Path, machine: &Machine) -> Result<(), Failure> {
        // The plan reports that physmem loads no other kind.
        let Self::X86(image) = self else { return Ok(()) };
        image
            .check_64_bit_entry(paging(machine))
            .map_err(|source| Failure::Unloadable { path: path.to_owned(), source })
    }

    /// Whether the running kernel's paging mode decides if kexec_file_load accepts it.
    fn depends_on_paging(&self) -> bool {
        let Self::X86(image) = self else { return false };
        image.check_kexec_file_load(Paging::FiveLevel) != image.check_kexec_file_load(Paging::FourLevel)
    }
}

/// How the running kernel's page tables are, as far as that is known.
const fn paging(machine: &Machine) -> Paging {
    match machine.state.page_table_levels {
        Some(5) => Paging::FiveLevel,
        _ => Paging::FourLevel,
    }
}

/// The size of the file that an option names.
pub(crate) fn size_of(option: &'static str, path: &Path) -> Result<u64, Failure> {
    let metadata =
        std::fs::metadata(path).map_err(|source| Failure::Given { option, path: path.to_owned(), source })?;
    // Other files have no size, and some never end.
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(Failure::NoFile { option, path: path.to_owned() })
    }
}
