//! Errors of a whole read or capture. A single unreadable file is not an error: the snapshot records it.

use std::path::PathBuf;

use evidence::snapshot::SCHEMA;

/// Why a machine or a capture could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The path itself could not be opened.
    #[error(
        "cannot open {path}: {source}; give a root directory, a tar archive of one, a snapshot in JSON, or a \
         kernel log"
    )]
    Open {
        /// The path to read.
        path: PathBuf,
        /// The error from the system.
        source: std::io::Error,
    },
    /// Nothing below it looks like a Linux machine.
    #[error(
        "no Linux tree at {path}: expected proc/ or sys/ below it (such as proc/iomem or \
         sys/devices/system/memory), or a kernel log where sos or insights keeps it \
         (sos_commands/kernel/dmesg, insights_commands/dmesg); give the directory that holds them"
    )]
    NoTree {
        /// The path to read.
        path: PathBuf,
    },
    /// More than one directory below it looks like a Linux machine.
    #[error("{path} holds several Linux trees ({}): give the directory of one, unpacked", listed(roots))]
    SeveralTrees {
        /// The path to read.
        path: PathBuf,
        /// The directories that hold a tree.
        roots: Vec<String>,
    },
    /// The file is neither an archive nor a snapshot.
    #[error(
        "{path} is neither a tar archive (plain, or compressed with gzip, bzip2, xz or zstd), a snapshot \
         in JSON, a kernel log nor /proc/iomem: {why}"
    )]
    UnknownFormat {
        /// The path to read.
        path: PathBuf,
        /// What it looked like.
        why: String,
    },
    /// The archive ends early, or its bytes contradict themselves.
    #[error(
        "{path} is cut short or damaged after {entries} entries{}: {source}; copy it again from \
         its source",
        last.as_ref().map(|name| format!(" (the last one was {name})")).unwrap_or_default()
    )]
    Damaged {
        /// The path to read.
        path: PathBuf,
        /// How many entries were whole.
        entries: u64,
        /// The last entry that was begun.
        last: Option<String>,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The archive is of a kind that is not read.
    #[error("{path} is not supported: {why}")]
    Unsupported {
        /// The path to read.
        path: PathBuf,
        /// What is in the way, where, and how to do without it.
        why: String,
    },
    /// The archive is larger than anything this program is meant for.
    #[error("{path} is too large: {what}; unpack the part with proc/ and sys/ and give that directory")]
    TooLarge {
        /// The path to read.
        path: PathBuf,
        /// The limit that was passed.
        what: String,
    },
    /// The JSON does not hold a snapshot.
    #[error("{path} is not a snapshot: {source}; expected JSON written by `physmem capture -o FILE.json`")]
    BadJson {
        /// The path to read.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// It was written by a newer physmem.
    #[error("{path} has schema {found}, this physmem reads up to {SCHEMA}: use a newer physmem")]
    NewerSchema {
        /// The path to read.
        path: PathBuf,
        /// The schema it names.
        found: u64,
    },
}

/// Why no capture was written. The output file is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The machine could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The name of the output does not say what to write.
    #[error("{path}: the name must end in .tar.gz, .tgz, .tar or .json, which says what to write")]
    UnknownExtension {
        /// The output path.
        path: PathBuf,
    },
    /// The output exists and was not to be replaced.
    #[error("{path} already exists: choose another name, or replace it")]
    Exists {
        /// The output path.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("cannot write {path}: {source}; check that its directory exists, is writable and has room")]
    Write {
        /// The file that could not be written.
        path: PathBuf,
        /// The error from the system.
        source: std::io::Error,
    },
    /// The origin is a snapshot in JSON, which holds no files to put into an archive.
    #[error(
        "{path} holds no files to archive: give the machine or the capture it was made from, or write .json"
    )]
    NoFiles {
        /// What was to be captured.
        path: PathBuf,
    },
}

/// The first few of many names.
fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.get(..MOST).unwrap_or(names).join(", ");
    match names.len().checked_sub(MOST) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
