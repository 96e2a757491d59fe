//! Parameters and their values: how the kernel splits the line and reads numbers and words, and how to edit it.

pub mod edit;
pub mod grammar;
pub(crate) mod kstrto;
pub mod memparse;
pub mod remark;
