//! What the segments hold when physmem loads by kexec_load.

pub(crate) mod layout;
