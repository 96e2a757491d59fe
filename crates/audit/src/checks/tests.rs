//! Checks that share what their tests need.

mod armed;
mod crashkernel;
mod header;
mod placed;
