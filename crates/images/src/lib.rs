//! Kernel images: what their headers say about how they are loaded.
//!
//! [`Image::new`] recognizes a format by content, never by name. It reads only headers, not the kernel's
//! code, and checks what they say against the file's length, so a truncated file is found here and not by the
//! next kernel.

#![forbid(unsafe_code)]

use std::fmt;

pub mod arm64_image;
pub mod bz_image;
pub mod core_header;
pub mod decompress;
pub mod elf;
mod elf_kernel;
mod error;
pub mod kdump_compressed;
mod loadable;
mod look;
mod setup_header;
pub mod signature;
mod wire;
pub mod zboot;

pub use arm64_image::Arm64Image;
pub use bz_image::BzImage;
pub use core_header::CoreHeader;
pub use elf::ElfImage;
pub use elf_kernel::{ElfKernel, ElfSegment};
pub use error::ImageError;
pub use loadable::{Arm64Header, KernelImage};
pub use look::Look;
pub use setup_header::SetupHeader;
pub use zboot::Zboot;

/// A kernel image of a format that kexec knows.
///
/// ```
/// use images::{Image, ImageError};
///
/// // The start of an initial ramdisk, given in place of the kernel.
/// let error = Image::new(b"070701000002D1000041ED").unwrap_err();
/// assert!(matches!(error, ImageError::NotKernel { .. }));
/// assert!(error.to_string().starts_with("this is a cpio archive (an initial ramdisk?)"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image<'a> {
    /// x86: setup code and a kernel that unpacks itself, `arch/x86/boot/bzImage` of a build.
    BzImage(BzImage),
    /// x86-64 or arm64: the kernel as it was linked, `vmlinux` of a build.
    Elf(ElfImage),
    /// arm64: the kernel as it lies in memory, `arch/arm64/boot/Image` of a build.
    Arm64(Arm64Image),
    /// A compressed kernel in an EFI program, `vmlinuz.efi` of a build.
    Zboot(Zboot<'a>),
}

impl<'a> Image<'a> {
    /// Reads the headers of an image; `bytes` is a whole file.
    ///
    /// The cost does not depend on the file's size; for ELF it grows with the number of program headers.
    ///
    /// # Errors
    ///
    /// [`ImageError::NotKernel`] if the file has no known magic, with what it looks like; otherwise the
    /// errors of the format whose magic it has.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ImageError> {
        // Zboot images and arm64 Images are EFI programs, as are most bzImages: check the more specific magic
        // first.
        if Zboot::has_marks(bytes) {
            Zboot::new(bytes).map(Self::Zboot)
        } else if ElfImage::has_marks(bytes) {
            ElfImage::new(bytes).map(Self::Elf)
        } else if Arm64Image::has_marks(bytes) {
            Arm64Image::new(bytes).map(Self::Arm64)
        } else if BzImage::has_marks(bytes) {
            BzImage::new(bytes).map(Self::BzImage)
        } else {
            Err(ImageError::NotKernel { looks: Look::of(bytes) })
        }
    }
}

/// The format's name, as users know it.
impl fmt::Display for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BzImage(_) => f.write_str("x86 bzImage"),
            Self::Elf(elf) => write!(f, "{} ELF kernel", elf.machine),
            Self::Arm64(_) => f.write_str("arm64 Image"),
            Self::Zboot(zboot) => write!(f, "EFI zboot image ({})", zboot.compression()),
        }
    }
}

#[cfg(test)]
mod tests;
