//! Checks that share what their tests need.

mod crashkernel;
mod header;
mod placed;
