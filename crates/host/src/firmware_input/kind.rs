//! Kinds of firmware files.

/// What a file is, in words, and the architecture it implies.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) what: &'static str,
    pub(crate) architecture: Option<&'static str>,
}

impl Kind {
    pub(crate) const SRAT: Self = Self { what: "an ACPI SRAT", architecture: None };
    pub(crate) const SLIT: Self = Self { what: "an ACPI SLIT", architecture: None };
    pub(crate) const DEVICE_TREE: Self = Self { what: "a device tree", architecture: Some("aarch64") };
    pub(crate) const ZERO_PAGE: Self = Self { what: "a zero page", architecture: Some("x86_64") };
}
