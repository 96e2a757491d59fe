//! The options of `physmem watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::online::seconds;

#[derive(Args, Debug)]
pub(crate) struct WatchArguments {
    /// Look once, load what is stale, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Load nothing; say what would be loaded and why
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Watch only this image
    #[arg(long, value_name = "IMAGE")]
    pub(crate) only: Option<WatchedImage>,
    /// Load a crash kernel by this command, which a shell runs, e.g. 'kdumpctl reload'. Default: as its record in
    /// /run/physmem says, which `physmem kdump load` leaves there
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(crate) exec: Option<String>,
    /// Events have settled when none came for this long
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub(crate) settle: Duration,
    /// Look after this long even if events still come
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "15")]
    pub(crate) longest: Duration,
    /// Look this often even without any event
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "600")]
    pub(crate) idle: Duration,
    /// Keep metrics in this file, as OpenMetrics text for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE.prom", value_hint = ValueHint::FilePath)]
    pub(crate) metrics: Option<PathBuf>,
}

/// An image that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchedImage {
    /// The kernel for a reboot
    Kexec,
    /// The crash kernel
    Kdump,
}
