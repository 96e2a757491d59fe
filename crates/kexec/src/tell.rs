//! What the next kernel is told about its memory.

pub(crate) mod by_rules;
pub(crate) mod chosen;
pub(crate) mod device_tree;
pub(crate) mod e820;
pub(crate) mod tree_size;

pub use by_rules::told;
pub use chosen::{NextChosen, ToldBy};
pub use e820::NextMap;
