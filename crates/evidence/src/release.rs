//! A kernel release, and comparison by version.

use std::fmt;
use std::str::FromStr;

/// A kernel release as `uname -r` prints it, e.g. `6.12.117+deb12-amd64`: the version used for comparisons, and the
/// full text. Releases are ordered by version.
///
/// ```
/// use evidence::Release;
/// let release: Release = "6.12.117+deb12-amd64".parse()?;
/// assert!(release.at_least(6, 12) && !release.at_least(6, 16));
/// assert_eq!(release.to_string(), "6.12.117+deb12-amd64");
/// # Ok::<(), evidence::NotARelease>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    major: u32,
    minor: u32,
    text: String,
}

/// Text that does not start with `MAJOR.MINOR`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kernel release: expected MAJOR.MINOR, e.g. 6.12 or 6.12.117-amd64")]
pub struct NotARelease(pub String);

impl Release {
    /// The release with this version and name.
    pub fn new((major, minor): (u32, u32), name: &str) -> Self {
        Self { major, minor, text: name.to_owned() }
    }

    /// Whether this is the given version or later; a release candidate counts as its release.
    pub const fn at_least(&self, major: u32, minor: u32) -> bool {
        self.major > major || (self.major == major && self.minor >= minor)
    }

    /// Major and minor version.
    pub const fn version(&self) -> (u32, u32) {
        (self.major, self.minor)
    }
}

impl FromStr for Release {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, NotARelease> {
        let error = || NotARelease(text.to_owned());
        let (major, rest) = text.split_once('.').ok_or_else(error)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (minor, rest) = rest.split_at_checked(digits).ok_or_else(error)?;
        let is_end = rest.is_empty() || rest.starts_with(['.', '-', '+', '~', '_']);
        match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) if is_end => Ok(Self { major, minor, text: text.to_owned() }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions_compare_as_numbers() {
        let release: Release = "6.120.1".parse().unwrap();
        assert!(release.at_least(6, 100) && !release.at_least(7, 0));
        assert!("6.12-rc3".parse::<Release>().unwrap().at_least(6, 12));
    }

    #[test]
    fn text_that_is_not_a_release_is_rejected() {
        for text in ["", "6", "six.one", "6.x", "6.", "6.12abc", ".12", "-6.1", "6.99999999999"] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
    }
}
