//! Versions of kexec-tools, and what came with them.

/// A version of kexec-tools.
///
/// ```
/// use machine::releases::KexecTools;
/// let trixie: KexecTools = "2.0.29".parse()?;
/// assert!(trixie > KexecTools::CHECKED && !trixie.honors_pref_address());
/// # Ok::<(), machine::releases::NotAVersion>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KexecTools(u32, u32, u32);

/// Text that is not `MAJOR.MINOR.PATCH`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of kexec-tools: expected three numbers, e.g. 2.0.25")]
pub struct NotAVersion(pub String);

impl KexecTools {
    /// The version whose loads plans were compared with.
    pub const CHECKED: Self = Self(2, 0, 25);

    /// Whether its search on x86 starts at the bzImage's preferred address, as the kernel's does (kexec-tools 2.0.30).
    pub fn honors_pref_address(self) -> bool {
        self >= Self(2, 0, 30)
    }

    /// Whether it tries kexec_file_load first (`-a`) unless an option says otherwise; before, it uses kexec_load
    /// (kexec-tools 2.0.27: "make -a the default").
    pub fn tries_file_load_first(self) -> bool {
        self >= Self(2, 0, 27)
    }

    /// Whether it has `--hotplug`, with which a crash header gets room to grow (kexec-tools 2.0.28: "set the
    /// elfcorehdr segment size for hotplug").
    pub fn has_hotplug_option(self) -> bool {
        self >= Self(2, 0, 28)
    }

    /// Whether it has `--no-cma`, in which case kexec_file_load leaves contiguous areas alone (after kexec-tools 2.0.32:
    /// "Add support for disabling usage of CMA").
    pub fn has_no_cma_option(self) -> bool {
        self > Self(2, 0, 32)
    }
}

impl std::str::FromStr for KexecTools {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self(major, minor, patch)),
            _ => Err(NotAVersion(text.to_owned())),
        }
    }
}

impl std::fmt::Display for KexecTools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}
