//! What can go wrong as a whole. A single file that cannot be read is no error: the snapshot says so.

use std::path::PathBuf;

use evidence::snapshot::SCHEMA;

/// Why a machine or a capture could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The path itself could not be opened.
    #[error(
        "cannot open {path}: {source}; give a root directory, a tar archive of one, or a snapshot in JSON"
    )]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing below it looks like a Linux machine.
    #[error(
        "no Linux tree at {path}: expected proc/ or sys/ below it (such as proc/iomem or \
         sys/devices/system/memory); give the directory that holds proc/ and sys/"
    )]
    NoTree {
        /// What was asked for.
        path: PathBuf,
    },
    /// More than one directory below it looks like a Linux machine.
    #[error(
        "{path} holds several Linux trees ({}): unpack it and give the directory of one",
        roots.join(", ")
    )]
    SeveralTrees {
        /// What was asked for.
        path: PathBuf,
        /// The directories that hold a tree.
        roots: Vec<String>,
    },
    /// The file is neither an archive nor a snapshot.
    #[error(
        "{path} is neither a tar archive (plain, or compressed with gzip, xz or zstd) nor a snapshot \
         in JSON: {why}"
    )]
    UnknownFormat {
        /// What was asked for.
        path: PathBuf,
        /// What it looked like.
        why: String,
    },
    /// The archive ends early, or its bytes contradict themselves.
    #[error(
        "{path} is cut short or damaged after {entries} entries{}: {source}; copy it again from \
         where it came from",
        last.as_ref().map(|name| format!(" (the last one was {name})")).unwrap_or_default()
    )]
    Damaged {
        /// What was asked for.
        path: PathBuf,
        /// How many entries were whole.
        entries: u64,
        /// The last entry that was begun.
        last: Option<String>,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The archive is of a kind that is not read.
    #[error("{path} is not read: {why}")]
    Unsupported {
        /// What was asked for.
        path: PathBuf,
        /// What is in the way, where, and how to do without it.
        why: String,
    },
    /// The archive is larger than anything this program is meant for.
    #[error("{path} is too large: {what}; unpack the part with proc/ and sys/ and give that directory")]
    TooLarge {
        /// What was asked for.
        path: PathBuf,
        /// The limit that was passed.
        what: String,
    },
    /// The JSON does not hold a snapshot.
    #[error("{path} is no snapshot: {source}; expected JSON as `physmem capture -o FILE.json` writes it")]
    BadJson {
        /// What was asked for.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// It was written by a newer physmem.
    #[error("{path} has schema {found}, this physmem reads up to {SCHEMA}: use a newer physmem")]
    NewerSchema {
        /// What was asked for.
        path: PathBuf,
        /// The schema it names.
        found: u64,
    },
}

/// Why no capture was written. The output file is then as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The machine could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The name of the output does not say what to write.
    #[error("{path}: the name must end in .tar.gz, .tgz, .tar or .json, which says what to write")]
    UnknownExtension {
        /// The output that was asked for.
        path: PathBuf,
    },
    /// The output exists and was not to be replaced.
    #[error("{path} exists already: choose another name, or ask for it to be replaced")]
    Exists {
        /// The output that was asked for.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("cannot write {path}: {source}; check that its directory exists, is writable and has room")]
    Write {
        /// The file that could not be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The origin is a snapshot in JSON, which holds no files to put into an archive.
    #[error(
        "{path} holds no files to archive: give the machine or the capture it was made of, or write .json"
    )]
    NoFiles {
        /// What was to be captured.
        path: PathBuf,
    },
}
