//! What does not come out right, and which rule of the kernel's is not modelled.

/// Facts of one capture that are known to differ.
pub(crate) struct Explained {
    pub(crate) capture: &'static str,
    /// By their names in the JSON.
    pub(crate) facts: &'static [&'static str],
    pub(crate) why: &'static str,
}

pub(crate) const EXPLAINED: [Explained; 0] = [];
