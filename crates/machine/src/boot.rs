//! Boot prediction: what Linux makes of a firmware map and a command line.
//!
//! [`predict`] follows a kernel from the firmware's map to the zones, step by step in the kernel's order, on a memblock
//! of its own. [`x86.rs`](self) and `arm64.rs` read from top to bottom; code they share is in separate modules. Where
//! the kernel allocates before it decides something, so does the prediction: which node keeps HOTPLUG, and where a
//! crash kernel ends up, depend on it.
//!
//! ```text
//! firmware map ─▶ memory ─▶ reservations ─▶ page tables, log, tables ─▶ nodes, HOTPLUG ─▶ crash kernel ─▶ zones
//! ```

pub(crate) mod arm64;
pub(crate) mod cma;
pub(crate) mod crashkernel;
pub(crate) mod early;
pub(crate) mod efi;
pub mod input;
pub(crate) mod kho;
pub(crate) mod later;
pub(crate) mod log_buffer;
pub(crate) mod numa;
pub(crate) mod outcome;
pub(crate) mod predict;
pub(crate) mod prediction;
pub(crate) mod trace;
pub mod verify;
pub(crate) mod x86;
pub(crate) mod zones;

pub use crashkernel::{CrashArea, Crashkernel};
pub use early::Dump;
pub use efi::efi_to_e820;
pub use input::{
    Arm64Build, Arm64Platform, BootInput, Build, EfiHandOver, InputError, Platform, X86Platform,
};
pub use kho::{ScratchArea, ScratchAreas, ScratchKind};
pub use numa::{MemoryAffinity, NumaTables};
pub use predict::{BootError, predict};
pub use prediction::Prediction;
pub use trace::{Step, TraceLine};
pub use zones::{ZoneKind, ZoneSpan};
