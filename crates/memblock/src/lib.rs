//! Linux's memblock in `no_std` Rust.
#![no_std]

mod flags;
mod node;
mod range;
mod region;

pub use flags::RegionFlags;
pub use node::NodeId;
pub use range::{PhysRange, RangeError};
pub use region::Region;

#[cfg(test)]
extern crate std;
