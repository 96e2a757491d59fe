//! Cases that do not come out right yet, though they should. A case that does is taken off the list.

/// Kind, name, and what is missing.
pub(crate) const OPEN: &[(&str, &str, &str)] = &[];
