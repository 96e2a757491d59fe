//! Why no block can be worked on at all.

use std::io;

/// What ends the work before any block is touched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no directory of memory blocks.
    #[error(
        "{directory} is not there: this kernel was built without CONFIG_MEMORY_HOTPLUG, or /sys is not mounted"
    )]
    NoBlocks {
        /// The directory that was looked for.
        directory: String,
    },
    /// A target names no block that exists.
    #[error("{target} is not on this machine: {known}")]
    NoSuch {
        /// What was asked for.
        target: String,
        /// What there is.
        known: String,
    },
    /// A range that is not made of whole blocks.
    #[error("{range} is not made of whole memory blocks, which are {block_size:#x} bytes large: {blocks}")]
    Part {
        /// What was asked for.
        range: String,
        /// Bytes.
        block_size: u64,
        /// The blocks that it touches, and their range.
        blocks: String,
    },
    /// `block_size_bytes` says nothing.
    #[error("{path} holds {found:?}, expected a size in hexadecimal digits")]
    BlockSize {
        /// The file.
        path: String,
        /// What it holds.
        found: String,
    },
    /// A file or directory could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The handler could not be installed by which a write that takes too long is interrupted.
    #[error("cannot catch signals: {0}")]
    Signals(nix::errno::Errno),
    /// The kernel's events cannot be heard.
    #[error("cannot listen to the kernel's events (NETLINK_KOBJECT_UEVENT): {0}")]
    Events(rustix::io::Errno),
}

impl Error {
    /// What would help.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoBlocks { .. } => Some(
                "mount sysfs on /sys, or boot a kernel with CONFIG_MEMORY_HOTPLUG, as distributions build it",
            ),
            Self::Part { .. } => Some("name whole blocks: memoryN, memoryN-memoryM, or the range of them"),
            _ => None,
        }
    }
}
