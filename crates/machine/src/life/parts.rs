//! What events change: each part keeps its own invariants.

pub(in crate::life) mod blocks;
pub(in crate::life) mod devices;
pub(in crate::life) mod images;
pub(in crate::life) mod policy;
pub(in crate::life) mod regions;
pub(in crate::life) mod resources;
pub(in crate::life) mod zones;
