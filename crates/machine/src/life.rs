//! A machine's life: what hot-add, onlining, offlining and removal make of its memory.
//!
//! [`Life::of`] takes a machine at one moment, and [`Life::apply`] lets one [`Event`] happen after the other, as Linux
//! does it. A [`Change`] says what became different and why; a [`Refusal`] says why nothing did, by which rule, and
//! what would help. What only run time can decide - pages that cannot move - is an input: [`Event::Pin`].
//!
//! The rules are written from Documentation/admin-guide/mm/memory-hotplug.rst and from what kernels were seen to do;
//! each captured life in `captures/life` is compared step by step.

mod apply;
mod begin;
mod booted;
mod change;
mod event;
mod parts;
mod refusal;
mod snapshot;
mod state;
mod steps;
#[cfg(test)]
mod tests;

pub use begin::LifeError;
pub use booted::booted;
pub use change::{Change, Item, What};
pub(crate) use event::Bytes;
pub use event::words::EventError;
pub use event::{
    Added, AddedBy, Event, ImageFor, LoadedBy, Loading, OnlineAs, PolicyChange, Selected, Target,
};
pub use parts::blocks::{Block, Blocks, Online};
pub use parts::devices::{Device, DeviceKind, Devices, Group, GroupKind, Plugged, VirtioMem};
pub use parts::images::{Image, Images};
pub use parts::policy::{NotMovable, Policy};
pub use parts::regions::Regions;
pub use parts::resources::Resources;
pub use parts::zones::{Zone, Zones};
pub use refusal::{Errno, Refusal};
pub use state::{BlockView, FirmwareEntries, FirmwareEntry, Life};
