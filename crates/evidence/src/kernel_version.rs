//! `/proc/version`.

use crate::release::Release;

/// The content of `/proc/version`: `Linux version RELEASE (builder) ...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelVersion {
    /// The release as printed; `None` if the text is not a Linux version line.
    pub release: Option<String>,
}

impl KernelVersion {
    /// Parses the text.
    pub fn parse(text: &str) -> Self {
        let release = text.strip_prefix("Linux version ").and_then(|rest| rest.split_whitespace().next());
        Self { release: release.map(str::to_owned) }
    }

    /// The parsed release, if it starts with `MAJOR.MINOR`.
    pub fn parsed(&self) -> Option<Release> {
        self.release.as_ref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::KernelVersion;

    #[test]
    fn the_release_is_the_third_word_of_proc_version() {
        let release = |text: &str| KernelVersion::parse(text).release;
        assert_eq!(release("Linux version 6.12.117-mblab #1 SMP"), Some("6.12.117-mblab".into()));
        assert_eq!(release("FreeBSD"), None);
    }
}
