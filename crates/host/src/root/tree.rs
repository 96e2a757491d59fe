//! The interface to a machine's files, wherever they are kept.

use evidence::Source;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name, without a slash.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link. It is read as text, never followed out of the tree.
    Link,
    /// A file, a device, or unknown to the file system.
    Other,
}

/// A directory laid out as a machine's root, or a directory below it.
///
/// Paths are relative to it, without a leading slash, and never contain `.` or `..`. An
/// implementation reports unreadable files by their absolute path on the machine, so that a capture gives the
/// same report wherever it is stored.
///
/// Several threads may read one tree.
pub(crate) trait Tree: Sync {
    /// A whole file of at most `limit` bytes; a longer one is unreadable.
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>>;

    /// Reads a whole text into `buffer`, which must be larger than the text. Returns the number of bytes, without
    /// trailing zeros that a copy may have added. Does not allocate unless something goes wrong.
    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize>;

    /// The target of a symbolic link. The directory it is in must have been listed, or have been listed as a
    /// directory: whether it is itself a link is not checked again.
    fn link(&self, path: &str) -> Source<String>;

    /// The entries of a directory, in no order.
    fn list(&self, path: &str) -> Source<Vec<Entry>>;

    /// A directory as its own tree: cheaper if many files below it are read.
    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>>;
}

/// `prefix` and `path` joined; an empty prefix is the root.
pub(crate) fn join(prefix: &str, path: &str) -> String {
    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
}

/// The number in a name such as `memory12`: decimal, as the kernel prints it, so without leading zeros.
pub(crate) fn numbered<N: std::str::FromStr>(name: &str, prefix: &str) -> Option<N> {
    let digits = name.strip_prefix(prefix)?;
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_as_the_kernel_prints_them_are_accepted() {
        assert_eq!(numbered::<u64>("memory0", "memory"), Some(0));
        assert_eq!(numbered::<u64>("memory120", "memory"), Some(120));
        assert_eq!(numbered::<u64>("memory012", "memory"), None);
        assert_eq!(numbered::<u64>("memory+1", "memory"), None);
        assert_eq!(numbered::<u64>("memory", "memory"), None);
        assert_eq!(numbered::<u64>("memory18446744073709551616", "memory"), None);
        assert_eq!(numbered::<u64>("power", "memory"), None);
    }
}
