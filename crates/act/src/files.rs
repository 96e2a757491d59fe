//! The few calls that touch a system. Tests put a kernel of their own in their place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;

/// The longest attribute: /sys prints at most a page.
const PAGE: usize = 4096;

/// A tree of files laid out as a machine's root. Paths have no leading slash.
pub(crate) trait Files: Send + Sync {
    /// The text of a small file.
    fn read(&self, path: &str) -> io::Result<String>;
    /// The names in a directory.
    fn names(&self, path: &str) -> io::Result<Vec<String>>;
    /// Whether the file could be written.
    fn writable(&self, path: &str) -> Result<(), Errno>;
    /// Writes a word to a file that exists, in one call, and returns when the kernel has acted on it. A signal ends it
    /// with [`Errno::INTR`].
    fn write(&self, path: &str, word: &str) -> Result<(), Errno>;
}

/// The files below a directory.
pub(crate) struct Below {
    pub(crate) root: PathBuf,
}

impl Files for Below {
    fn read(&self, path: &str) -> io::Result<String> {
        let file = File::open(self.root.join(path))?;
        let mut page = [0; PAGE];
        // An attribute comes whole from one call.
        let count = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut page))?;
        Ok(String::from_utf8_lossy(page.get(..count).unwrap_or_default()).into_owned())
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.root.join(path))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn writable(&self, path: &str) -> Result<(), Errno> {
        rustix::fs::access(self.root.join(path), Access::WRITE_OK)
    }

    fn write(&self, path: &str, word: &str) -> Result<(), Errno> {
        // Not the standard library's calls: they begin again when a signal interrupts them.
        let path: &Path = &self.root.join(path);
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let written = rustix::io::write(&file, word.as_bytes())?;
        if written == word.len() { Ok(()) } else { Err(Errno::IO) }
    }
}
