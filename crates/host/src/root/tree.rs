//! A machine's files, wherever they are kept.

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
    /// A file, a device, or something the file system does not tell.
    Other,
}

/// A directory laid out as a machine's root, or a directory below it.
///
/// Paths are relative to it, without a leading slash, and never contain `.` or `..`. Whatever an
/// implementation reports as unreadable names the file by its absolute path on the machine, so that the
/// same report comes out of a capture wherever that capture lies.
///
/// Several threads may read one tree.
pub(crate) trait Tree: Sync {
    /// A whole file of at most `limit` bytes; a longer one is unreadable.
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>>;

    /// A whole text into `buffer`, which must be larger than the text: the number of bytes, without the zeros
    /// that a copy may have put at its end. No heap is used unless something goes wrong.
    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize>;

    /// The text of a symbolic link. The directory it is in must have been listed, or have been listed as a
    /// directory: that it is no link itself is not checked again.
    fn link(&self, path: &str) -> Source<String>;

    /// What a directory holds, in no order.
    fn list(&self, path: &str) -> Source<Vec<Entry>>;

    /// A directory as a tree of its own: cheaper where many files below it are read.
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
    fn only_numbers_as_the_kernel_prints_them_count() {
        assert_eq!(numbered::<u64>("memory0", "memory"), Some(0));
        assert_eq!(numbered::<u64>("memory120", "memory"), Some(120));
        assert_eq!(numbered::<u64>("memory012", "memory"), None);
        assert_eq!(numbered::<u64>("memory+1", "memory"), None);
        assert_eq!(numbered::<u64>("memory", "memory"), None);
        assert_eq!(numbered::<u64>("memory18446744073709551616", "memory"), None);
        assert_eq!(numbered::<u64>("power", "memory"), None);
    }
}
