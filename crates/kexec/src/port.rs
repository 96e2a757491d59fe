//! The ports: what each loader does on each architecture, one file each.

pub(crate) mod arm64_common;
pub(crate) mod arm64_kernel;
pub(crate) mod arm64_own;
pub(crate) mod arm64_tools;
pub(crate) mod registry;
pub(crate) mod steps;
#[cfg(test)]
pub(crate) mod test_port;
pub(crate) mod x86_image;
pub(crate) mod x86_kernel;
pub(crate) mod x86_own;
pub(crate) mod x86_tools;
pub(crate) mod x86_tools_common;
pub(crate) mod x86_tools_elf;

pub use registry::{purgatory, search_ranges};
