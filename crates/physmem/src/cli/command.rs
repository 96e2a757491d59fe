//! The commands, and with them the help texts, the completions and the man pages.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::boot::{BootArguments, WhatIfArguments};
use super::capture::CaptureArguments;
use super::check::{self, CheckArguments};
use super::explain::ExplainArguments;
use super::load::{KdumpCommand, KexecCommand};
use super::show::ShowArguments;
use crate::output::columns;

/// The physical memory of a Linux machine: who provided each range, what it may be used for, and why.
///
/// physmem reads a running machine, or a capture of one, and answers for each range of memory: who provided
/// it, which node and zone it lies in, whether the early allocator may take it, whether a kexec image may
/// lie on it, whether the next kernel is told about it, and whether a crash dump contains it.
///
/// Reading needs no root where the kernel allows it; what could not be read is said, never guessed. Nothing
/// is written to the system.
///
/// Exit status: 0 good, 1 failure, 2 usage, 3 findings (check: something is wrong; boot --verify: prediction and
/// machine differ).
#[derive(Debug, Parser)]
#[command(name = "physmem", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the machine's memory as a table and a picture of the address space
    #[command(after_help = columns::help())]
    Show(ShowArguments),
    /// Explain one address, range, memory block or node: the verdict for every use, its reason and its source
    Explain(ExplainArguments),
    /// Predict the boot: what Linux makes of a firmware map and a command line, step by step
    ///
    /// Exit status: 0 good (with --verify: all that could be compared is equal), 1 failure, 2 usage, 3 findings
    /// (with --verify: prediction and machine differ).
    Boot(BootArguments),
    /// Predict what another command line, release or set of rules would change, and only that
    WhatIf(WhatIfArguments),
    /// Plan the load of a kernel that a reboot starts, and compare what the two system calls would do
    Kexec {
        #[command(subcommand)]
        command: KexecCommand,
    },
    /// Plan the load of a kernel that a crash starts, and say what its dump holds
    Kdump {
        #[command(subcommand)]
        command: KdumpCommand,
    },
    /// Check what is loaded for kexec and kdump, and what they depend on: faults that nothing else reports
    ///
    /// Each finding has a code that stays the same, what is wrong, what on this machine shows it, and what to do. Where
    /// an image lies is known from the kernel log alone, of loads by kexec_file_load with KEXEC_FILE_DEBUG; what cannot
    /// be known is said, with the findings that it leaves open.
    ///
    /// Exit status: 0 no findings, 1 failure, 2 usage, 3 findings.
    #[command(after_long_help = check::help())]
    Check(CheckArguments),
    /// Write a capture of this machine, for --from on another
    Capture(CaptureArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages, one for each command, into a directory
    Man {
        /// The directory; it must exist
        #[arg(value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Cli::command().debug_assert();
    }
}
