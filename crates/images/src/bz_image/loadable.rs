//! Whether kexec_file_load accepts a bzImage.

use super::{BzImage, LoadFlags, XLoadFlags};

/// The running kernel's page tables, with which the next kernel is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Paging {
    /// Four levels: 48-bit virtual addresses.
    FourLevel,
    /// Five levels: 57-bit virtual addresses, with the flag `la57` in /proc/cpuinfo and without `no5lvl`.
    FiveLevel,
}

/// Why kexec_file_load refuses a bzImage, or why its kernel could not run where it is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unloadable {
    /// The kernel is older than the flags that say whether it can be loaded.
    #[error(
        "the kernel has boot protocol {}.{:02} (byte 0x206), expected 2.12 or later: older ones do not say \
         whether they have a 64-bit entry", version >> 8, version & 0xff
    )]
    ProtocolTooOld {
        /// The kernel's protocol.
        version: u16,
    },
    /// The kernel must lie at 64 KiB, in memory that kexec leaves alone.
    #[error("the kernel is a zImage, made to lie below 1 MiB: LOADED_HIGH (byte 0x211, bit 0) is not set")]
    NotLoadedHigh,
    /// The kernel is 32-bit; kexec_file_load enters in 64-bit mode.
    #[error("the kernel has no 64-bit entry: XLF_KERNEL_64 (byte 0x236, bit 0) is not set")]
    No64BitEntry,
    /// The kernel, or the data passed to it, must lie below 4 GiB; kexec_file_load puts both wherever there
    /// is room.
    #[error("the kernel cannot lie above 4 GiB: XLF_CAN_BE_LOADED_ABOVE_4G (byte 0x236, bit 1) is not set")]
    NotAbove4G,
    /// The running kernel has 5-level page tables, with which the next one would not start.
    #[error(
        "the running kernel uses 5-level page tables, which this one cannot be entered with: XLF_5LEVEL (byte \
         0x236, bit 5) is not set"
    )]
    No5Level,
    /// The kernel would move itself out of the memory it was put into.
    #[error("the kernel is not relocatable (byte 0x234 is 0): it would leave the memory set aside for it")]
    NotRelocatable,
}

impl BzImage {
    /// Whether kexec_file_load in a running 64-bit kernel with these page tables can use the image.
    ///
    /// Of several reasons against it, the first in the order of [`Unloadable`] is returned. Signatures and
    /// lockdown are not considered. kexec_file_load itself checks the protocol, the place and the flags; that
    /// a kernel which cannot be relocated is useless follows from boot.rst, "pref_address".
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn check_kexec_file_load(&self, running: Paging) -> Result<(), Unloadable> {
        self.check(running, true)
    }

    /// Whether a kernel with these page tables can enter the image at its 64-bit entry, wherever else it may lie: what a
    /// loader that keeps a kernel below 4 GiB by itself has to ask.
    ///
    /// # Errors
    ///
    /// The first reason against it, but never [`Unloadable::NotAbove4G`].
    pub fn check_64_bit_entry(&self, running: Paging) -> Result<(), Unloadable> {
        self.check(running, false)
    }

    fn check(&self, running: Paging, is_above_4g: bool) -> Result<(), Unloadable> {
        let lacks = |flag| !self.xload_flags.contains(flag);
        if self.version < 0x20c {
            Err(Unloadable::ProtocolTooOld { version: self.version })
        } else if !self.load_flags.contains(LoadFlags::LOADED_HIGH) {
            Err(Unloadable::NotLoadedHigh)
        } else if lacks(XLoadFlags::KERNEL_64) {
            Err(Unloadable::No64BitEntry)
        } else if is_above_4g && lacks(XLoadFlags::CAN_BE_LOADED_ABOVE_4G) {
            Err(Unloadable::NotAbove4G)
        } else if running == Paging::FiveLevel && lacks(XLoadFlags::FIVE_LEVEL) {
            Err(Unloadable::No5Level)
        } else if !self.relocatable {
            Err(Unloadable::NotRelocatable)
        } else {
            Ok(())
        }
    }
}
