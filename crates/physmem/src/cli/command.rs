//! The commands, and with them the help texts, the completions and the man pages.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::boot::{BootArguments, WhatIfArguments};
use super::capture::CaptureArguments;
use super::check::{self, CheckArguments};
use super::explain::ExplainArguments;
use super::firmware::FirmwareArguments;
use super::hotplug::HotplugCommand;
use super::load::{KdumpCommand, KexecCommand};
use super::online::{BlocksArguments, OnlineArguments};
use super::show::ShowArguments;
use super::simulate::{self, SimulateArguments};
use super::watch::WatchArguments;
use crate::output::columns;

/// The physical memory of a Linux machine: who provided each range, what it may be used for, and why.
///
/// physmem reads a running machine or a capture of one. For each range of memory it shows who provided it,
/// which node and zone it is in, whether the early allocator may use it, whether a kexec image may go there,
/// whether the next kernel is told about it, and whether a crash dump contains it.
///
/// Where the kernel allows it, physmem runs without root. It reports what it could not read and never
/// guesses. Only online and offline change the system.
///
/// Exit status: 0 success, 1 failure, 2 usage, 3 findings (check and plans: something is wrong, or the load is refused;
/// boot and what-if: the kernel panics, or its crash kernel does not fit; boot --verify: prediction and machine differ),
/// 4 check found nothing, but files or privileges were missing, 64 online and offline changed some blocks, but not all.
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
    /// Predict a boot, step by step, from a firmware map and a command line
    ///
    /// Exit status: 0 success (with --verify: everything that could be compared is equal), 1 failure, 2 usage, 3 findings
    /// (the kernel panics; with --verify: prediction and machine differ).
    Boot(BootArguments),
    /// Predict what another command line, release or set of rules would change
    ///
    /// Exit status: 0 success, 1 failure, 2 usage, 3 the kernel panics, or the crash kernel does not fit.
    WhatIf(WhatIfArguments),
    /// Simulate what happens to memory while Linux runs: hot-add, online, offline, unplug, and what becomes stale
    ///
    /// Starts with a machine or a capture, lets one event happen after the other as Linux does it, and says after each
    /// what changed and why: resources, the firmware's map, memblock, memory blocks and zones. What only run time
    /// decides, pages that cannot move, is an event of its own: pin.
    ///
    /// Exit status: 0 success, 1 failure, 2 usage, 3 an event was refused, or a loaded image no longer fits at the end.
    #[command(after_long_help = simulate::help())]
    Simulate(SimulateArguments),
    /// Plan to add memory while Linux runs, or to take some away
    Hotplug {
        #[command(subcommand)]
        command: HotplugCommand,
    },
    /// Plan a kexec load, and compare what kexec_load and kexec_file_load would do
    Kexec {
        #[command(subcommand)]
        command: KexecCommand,
    },
    /// Plan a crash kernel load, and show what its dump would contain
    Kdump {
        #[command(subcommand)]
        command: KdumpCommand,
    },
    /// Check the loaded kexec and kdump kernels for faults that nothing else reports
    ///
    /// Each finding has a stable code, what is wrong, the evidence on this machine, and what to do about it. Only the
    /// kernel log shows where an image lies, and only for kexec_file_load with KEXEC_FILE_DEBUG. Whatever the machine
    /// does not show is listed as unknown, with the findings it leaves open.
    ///
    /// Exit status: 0 no findings, 1 failure, 2 usage, 3 findings, 4 no findings as far as can be told, but files or
    /// privileges were missing that this kernel offers (--allow-unknown: 0). What no kernel shows does not count.
    #[command(after_long_help = check::help())]
    Check(CheckArguments),
    /// Decode files of firmware: memory maps, device trees and ACPI tables
    ///
    /// Prints what each file says about memory, as it stands there: nothing is merged or sorted. Decodes e820 and EFI
    /// maps, device trees, and the ACPI tables SRAT, SLIT, HMAT, CEDT and MSCT. What Linux ignores or warns of is a note;
    /// what cannot be decoded is a fault, and the rest is still printed.
    ///
    /// Exit status: 0 success, 1 some file cannot be decoded or has a fault, 2 usage.
    Firmware(FirmwareArguments),
    /// Take memory blocks of this machine online
    ///
    /// Writes to the `state` of each block, one after the other. Without --kernel or --movable, the kernel's policy picks
    /// the zone (memory_hotplug.online_policy); `valid_zones` names it first.
    ///
    /// Order: in zone Movable the highest block first, in a kernel zone the lowest first. A kernel zone then grows upwards
    /// and Movable downwards, and wherever the work ends, no zone has a hole and what is not yet online lies between
    /// them, free for either. Where just one of the blocks beside those to be done is in the zone, the work begins there.
    ///
    /// Ctrl-C, SIGTERM and --timeout interrupt the kernel, which puts the block that it is at back; blocks that are done
    /// stay so, the others are not begun, and the command says which are which.
    ///
    /// Exit status: 0 every block is online (those that were before, too), 1 failure: no block was changed, 2 usage,
    /// 64 some blocks were changed, but not all.
    Online(OnlineArguments),
    /// Take memory blocks of this machine offline
    ///
    /// Writes to the `state` of each block, one after the other; the kernel moves what is in the block elsewhere, which
    /// works for certain only in zone Movable, and there may take any time. Before and after it says what a loaded kexec
    /// or kdump kernel needs. Memory that is offline is still there: what is loaded has to be loaded again only when the
    /// memory has been removed, for instance when its DIMM was ejected.
    ///
    /// Order: from zone Movable the lowest block first, from a kernel zone the highest, so that a zone shrinks from its
    /// end and has no hole wherever the work ends. Where just one of the blocks beside those to be done is in the zone,
    /// the work begins at the other end.
    ///
    /// Ctrl-C, SIGTERM and --timeout interrupt the kernel, which puts the block that it is at back online; blocks that
    /// are done stay so, the others are not begun, and the command says which are which.
    ///
    /// Exit status: 0 every block is offline (those that were before, too), 1 failure: no block was changed, 2 usage,
    /// 64 some blocks were changed, but not all.
    Offline(BlocksArguments),
    /// Keep kexec and kdump armed while memory comes and goes
    ///
    /// Listens to the kernel's events about memory blocks, waits until they have settled, looks at what is armed and at what
    /// is there, and loads again what no longer describes the machine: a crash kernel whose header lists memory that is
    /// gone or misses some, or a kernel for a reboot that lies where no memory is. It loads at most once for each change,
    /// and not at all where the kernel has updated the header itself. docs/watch.md says more.
    ///
    /// Exit status: 0 it was asked to end; with --once: what is loaded describes the machine, or nothing is loaded;
    /// 1 failure, 2 usage, 3 with --once: an image is stale and was not loaded again, 4 with --once: it cannot be told.
    Watch(WatchArguments),
    /// Write a capture of this machine, to read with --from on another
    Capture(CaptureArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a man page for each command into a directory
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
