//! The options that name the machine.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Where the machine is read from.
#[derive(Args, Debug, Default)]
pub(crate) struct InputArguments {
    /// Read a capture: a directory laid out as a machine's root, a .tar (.gz, .xz, .zst) of one such as a
    /// sosreport, or a snapshot in JSON
    #[arg(long, value_name = "CAPTURE", value_hint = ValueHint::AnyPath, conflicts_with = "sysroot")]
    pub(crate) from: Option<PathBuf>,
    /// Read the machine whose root directory this is
    #[arg(short = 's', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) sysroot: Option<PathBuf>,
}
