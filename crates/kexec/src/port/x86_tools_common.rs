//! What kexec-tools does on x86_64 both with a bzImage and with an ELF kernel.

pub(crate) mod crash;
pub(crate) mod memory;
pub(crate) mod setup_data;
mod tell;

pub(crate) use crash::length;
pub(crate) use tell::tell;
