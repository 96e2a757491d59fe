//! How a kernel uses EFI's memory map.

pub(crate) mod mirror;
pub(crate) mod to_e820;

pub use to_e820::efi_to_e820;
