//! One reader for each field of a snapshot.

pub(crate) mod architecture;
pub(crate) mod blocks;
pub(crate) mod crash_image;
pub(crate) mod efi_runtime_map;
pub(crate) mod firmware_memmap;
pub(crate) mod form;
pub(crate) mod identity;
pub(crate) mod journal;
pub(crate) mod kcore;
pub(crate) mod kernel_config;
pub(crate) mod kernel_log;
pub(crate) mod kmsg;
pub(crate) mod lsmem;
pub(crate) mod map_of_log;
pub(crate) mod nodes;
pub(crate) mod packages;
pub(crate) mod running;
pub(crate) mod settings;
pub(crate) mod text;
