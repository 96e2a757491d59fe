//! What to load, whoever asks: the command line, or the record of an earlier load.

use std::path::PathBuf;

use evidence::record::RecordedLoader;
use evidence::{Purpose, Record};
use rules::Loader;

use crate::cli::{BesideArguments, LoadArguments, WithArguments};

/// What to load.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(super) purpose: Purpose,
    pub(super) loader: Loader,
    pub(super) kernel: PathBuf,
    pub(super) beside: BesideArguments,
    pub(super) avoid_removable: bool,
}

impl Order {
    /// As the command line asks.
    pub(super) fn of(arguments: &LoadArguments, purpose: Purpose, avoid_removable: bool) -> Self {
        Self {
            purpose,
            loader: arguments.loader,
            kernel: arguments.kernel.clone(),
            beside: BesideArguments { with: arguments.with.clone(), ..BesideArguments::default() },
            avoid_removable,
        }
    }

    /// The same once more: the same files, whatever is in them now.
    pub(crate) fn of_record(record: &Record) -> Self {
        Self {
            purpose: record.purpose,
            loader: match record.loader {
                RecordedLoader::KexecFileLoad => Loader::KexecFileLoad,
                RecordedLoader::KexecLoad => Loader::KexecLoad,
            },
            kernel: PathBuf::from(&record.kernel.path),
            beside: BesideArguments {
                with: WithArguments {
                    initrd: record.initrd.as_ref().map(|initrd| PathBuf::from(&initrd.path)),
                    append: Some(record.command_line.clone()),
                    reuse_cmdline: false,
                    no_cma: record.no_cma,
                },
                ..BesideArguments::default()
            },
            avoid_removable: record.avoid_removable,
        }
    }

    /// `kexec` or `kdump`: the command, and the word for the image.
    pub(crate) const fn word(&self) -> &'static str {
        word(self.purpose)
    }
}

/// `kexec` or `kdump`.
pub(super) const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reboot => "kexec",
        Purpose::Crash => "kdump",
    }
}
