//! The machine as it is now: what each memory range is, and the state of the running kernel.

pub(crate) mod classify;
pub(crate) mod contiguous;
pub(crate) mod efi_runtime;
pub mod firmware_map;
pub mod hotpluggable;
pub(crate) mod kernel;
pub(crate) mod kho;
pub mod memory_range;
pub(crate) mod node_map;
pub(crate) mod range_details;
pub(crate) mod state;

pub use contiguous::ContiguousArea;
pub use efi_runtime::EfiRuntime;
pub use firmware_map::{FirmwareMap, MapKind};
pub use hotpluggable::Hotpluggable;
pub use kernel::Kernel;
pub use kho::Kho;
pub use memory_range::{MemoryRange, Provider};
pub use state::{Configured, KernelState, LoadedDeviceTrees};
