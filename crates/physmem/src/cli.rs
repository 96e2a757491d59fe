//! The command line, and with it the help texts, the completions and the man pages.

mod boot;
mod check;
mod load;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

pub(crate) use self::boot::{BootArguments, BootSourceArguments, EditArguments, WhatIfArguments};
pub(crate) use self::check::CheckArguments;
pub(crate) use self::load::{
    BesideArguments, DiffArguments, KdumpCommand, KexecCommand, PlanArguments, RangesArguments,
};
use crate::columns;
use crate::target::Target;

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

// Each is an option of its own on the command line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Print JSON; schema/show.schema.json describes it
    #[arg(short = 'J', long, conflicts_with_all = ["output", "output_all", "raw"])]
    pub(crate) json: bool,
    /// List each memory block, not each range
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print sizes in bytes
    #[arg(short, long)]
    pub(crate) bytes: bool,
    /// Print no headings
    #[arg(short, long)]
    pub(crate) noheadings: bool,
    /// Columns to print, separated by commas; +COL,... adds to the default ones. The default columns are
    /// not stable: scripts should name theirs
    #[arg(short, long, value_name = "COL,+COL", conflicts_with = "output_all")]
    pub(crate) output: Option<String>,
    /// Print all columns
    #[arg(long)]
    pub(crate) output_all: bool,
    /// Print one unaligned line a range, blanks inside values as \x20, and no picture
    #[arg(short, long)]
    pub(crate) raw: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Print JSON; schema/show.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// 0x140000000 or 5G (an address), 140000000-17fffffff (a range as /proc/iomem prints it, the end
    /// included), memory40 (a memory block), node1 (a NUMA node)
    #[arg(value_name = "ADDRESS|RANGE|memoryN|nodeN")]
    pub(crate) target: Target,
}

#[derive(Args, Debug)]
pub(crate) struct CaptureArguments {
    /// The file to write: NAME.tar.gz, NAME.tar, or NAME.json for the snapshot alone
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Capture the machine whose root directory this is
    #[arg(short = 's', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) sysroot: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Cli::command().debug_assert();
    }
}
