//! What an x86 kernel's setup header says about how it is loaded.

use crate::BzImage;
use crate::bz_image::XLoadFlags;

/// What a bzImage's setup header says about how it is loaded, with the names of
/// Documentation/arch/x86/boot.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupHeader {
    /// Bytes of the file.
    pub file_size: u64,
    /// 512-byte sectors of setup code, without the boot sector; 0 means 4.
    pub setup_sects: u8,
    /// The kernel's preferred address.
    pub pref_address: u64,
    /// Its start must be a multiple of this.
    pub kernel_alignment: u64,
    /// Bytes it needs from its start on until it has read the memory map.
    pub init_size: u64,
    /// The longest command line, without the trailing NUL.
    pub cmdline_size: u64,
    /// Whether the kernel and what is loaded with it may lie above 4 GiB.
    pub above_4g: bool,
}

impl SetupHeader {
    /// What a parsed header says. `None` for a boot protocol before 2.10, whose headers do not say how much memory a
    /// kernel needs; kexec_file_load takes none before 2.12
    /// ([`BzImage::check_kexec_file_load`](crate::BzImage::check_kexec_file_load)).
    pub fn of(image: &BzImage) -> Option<Self> {
        Some(Self {
            file_size: u64::try_from(image.file_size).ok()?,
            setup_sects: image.setup_sects,
            pref_address: image.pref_address.unwrap_or(0),
            kernel_alignment: image.kernel_alignment?.into(),
            init_size: image.init_size?.into(),
            cmdline_size: image.cmdline_size.into(),
            above_4g: image.xload_flags.contains(XLoadFlags::CAN_BE_LOADED_ABOVE_4G),
        })
    }

    /// Bytes of the setup code, including the boot sector.
    pub const fn setup_code(&self) -> u64 {
        let sectors = match self.setup_sects {
            0 => 4,
            sectors => sectors as u64,
        };
        (sectors + 1) * 512
    }

    /// Bytes of the file that are loaded as the kernel: everything after the setup code. `None` if the file
    /// ends before.
    pub fn loaded(&self) -> Option<u64> {
        self.file_size.checked_sub(self.setup_code()).filter(|&rest| rest > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sectors_of_setup_code_stand_for_four() {
        let header = SetupHeader {
            file_size: 0x2000,
            setup_sects: 0,
            pref_address: 0,
            kernel_alignment: 0x20_0000,
            init_size: 0x1000,
            cmdline_size: 255,
            above_4g: true,
        };
        assert_eq!(header.loaded(), Some(0x2000 - 5 * 512));
        assert_eq!(SetupHeader { file_size: 5 * 512, ..header }.loaded(), None);
    }
}
