//! Compares a prediction with the result of the real boot.

pub mod compare;
pub(crate) mod entries;
pub mod observed;

pub use compare::Comparison;
pub use observed::Observed;
