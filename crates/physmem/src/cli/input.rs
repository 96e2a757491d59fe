//! The options that name the machine.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use machine::Release;

/// The machine to read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InputArguments {
    /// Read a capture: a copy of a machine's root directory, a tar archive of one (plain, .gz, .bz2, .xz or .zst), a
    /// report of sos, insights or must-gather, a JSON snapshot, or a single file: a kernel log as dmesg, journalctl or
    /// syslog prints it, or /proc/iomem
    #[arg(long, value_name = "CAPTURE", value_hint = ValueHint::AnyPath, conflicts_with = "sysroot")]
    pub(crate) from: Option<PathBuf>,
    /// Read the machine with this root directory
    #[arg(short = 's', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) sysroot: Option<PathBuf>,
}

/// The machine to read, as it is now.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MachineArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Take this for the kernel's release, e.g. 6.12 or 6.1.0-38-amd64, whatever the machine shows
    #[arg(long, value_name = "RELEASE")]
    pub(crate) kernel_release: Option<Release>,
}
