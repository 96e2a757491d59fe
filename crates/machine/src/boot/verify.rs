//! A prediction compared with what the real boot came to.

pub mod compare;
pub(crate) mod entries;
pub mod observed;

pub use compare::Comparison;
pub use observed::Observed;
