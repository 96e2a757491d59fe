//! What happens, piece by piece: memory is added and removed, blocks go online and offline.

mod add;
mod online;
pub(in crate::life) mod plug;
mod remove;
pub(in crate::life) mod virtio_mem;
