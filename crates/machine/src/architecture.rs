//! The architectures whose boots are known.

use std::fmt;

/// An architecture whose boot can be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86: an e820 map.
    X86_64,
    /// 64-bit Arm: a device tree, or EFI and ACPI.
    Arm64,
}

impl Architecture {
    /// Reads what `uname -m` prints; `None` for an architecture whose boot is not known.
    ///
    /// ```
    /// use machine::Architecture;
    /// assert_eq!(Architecture::from_uname("aarch64"), Some(Architecture::Arm64));
    /// assert_eq!(Architecture::from_uname("s390x"), None);
    /// ```
    pub fn from_uname(word: &str) -> Option<Self> {
        match word {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        })
    }
}
