//! The input of a boot: what the firmware and the boot loader pass in, the command line, and the kernel.

pub(crate) mod boot_input;
pub(crate) mod build;
pub(crate) mod reading;
pub(crate) mod seeds;

pub use boot_input::{Arm64Platform, BootInput, EfiHandOver, Platform, X86Platform};
pub use build::{Arm64Build, Build};
pub use reading::InputError;
pub use seeds::Seed;
