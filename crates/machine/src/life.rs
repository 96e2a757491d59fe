//! A machine's life: what hot-add, onlining, offlining and removal make of its memory.
//!
//! [`Life::of`] takes a machine at one moment, and [`Life::apply`] lets one [`Event`] happen after the other, as Linux
//! does it. A [`Change`] says what became different and why; a [`Refusal`] says why nothing did, by which rule, and
//! what would help. What only run time can decide - pages that cannot move - is an input: [`Event::Pin`].
//!
//! The rules are written from Documentation/admin-guide/mm/memory-hotplug.rst and from what kernels were seen to do;
//! each captured life in `captures/life` is compared step by step.

mod add;
mod apply;
mod begin;
mod blocks;
mod booted;
mod change;
mod devices;
mod event;
mod images;
mod online;
mod plug;
mod policy;
mod refusal;
mod regions;
mod remove;
mod resources;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod virtio_mem;
mod words;
mod zones;

pub use begin::LifeError;
pub use blocks::{Block, Blocks, Online};
pub use booted::booted;
pub use change::{Change, Item, What};
pub use devices::{Device, DeviceKind, Devices, Group, GroupKind, VirtioMem};
pub use event::{
    Added, AddedBy, Event, ImageFor, LoadedBy, Loading, OnlineAs, PolicyChange, Selected, Target,
};
pub use images::{Image, Images};
pub use policy::Policy;
pub use refusal::{Errno, Refusal};
pub use regions::Regions;
pub use resources::Resources;
pub use state::{BlockView, FirmwareEntries, FirmwareEntry, Life};
pub use words::EventError;
pub use zones::{Zone, Zones};
