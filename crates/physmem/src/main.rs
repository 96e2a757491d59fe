//! `physmem`: the physical memory of a Linux machine, shown and explained.
#![forbid(unsafe_code)]

mod boot_input;
mod cli;
mod commands;
mod done;
mod failure;
mod input;
mod output;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use kexec::Purpose;

use crate::cli::{Cli, Command, HotplugCommand, KdumpCommand, KexecCommand};
use crate::commands::{
    arm, boot, capture, check, explain, firmware, generate, hotplug, load, online, show, simulate, watch,
    what_if,
};
use crate::done::Done;
use crate::failure::Failure;
use crate::output::lines;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // If even the message cannot be printed, there is nothing left to do.
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { 2 });
        }
    };
    match run(cli) {
        Ok(done) => done.exit_code(),
        // The reader of the pipe has seen enough: `physmem show | head`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            // One line, as scripts and logs expect; only the remedies are wrapped.
            let _ = writeln!(io::stderr(), "physmem: {}", lines::printable(&failure.to_string()));
            for remedy in failure.remedies() {
                let _ = lines::wrapped(&mut io::stderr(), "  help: ", "    ", &remedy);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<Done, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut done = Done::Good;
    match cli.command {
        Command::Show(arguments) => show::run(&arguments, &mut out)?,
        Command::Explain(arguments) => explain::run(&arguments, &mut out)?,
        Command::Boot(arguments) => done = boot::run(&arguments, &mut out)?,
        Command::WhatIf(arguments) => done = what_if::run(&arguments, &mut out)?,
        Command::Simulate(arguments) => done = simulate::run(&arguments, &mut out)?,
        Command::Hotplug { command: HotplugCommand::Plan(arguments) } => {
            done = hotplug::plan(&arguments, &mut out)?;
        }
        Command::Hotplug { command: HotplugCommand::Remove(arguments) } => {
            done = hotplug::remove(&arguments, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Plan(arguments) } => {
            done = load::plan::run(&arguments.plan, Purpose::Reboot, arguments.avoid_removable, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Diff(arguments) } => {
            load::diff::run(&arguments, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Load(arguments) } => {
            done = arm::load::kexec(&arguments, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Unload(arguments) } => {
            done = arm::unload::run(&arguments, Purpose::Reboot, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Exec(arguments) } => {
            done = arm::exec::run(&arguments, &mut out)?;
        }
        Command::Kexec { command: KexecCommand::Status(arguments) } => {
            done = arm::status::run(&arguments, Purpose::Reboot, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Load(arguments) } => {
            done = arm::load::kdump(&arguments, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Unload(arguments) } => {
            done = arm::unload::run(&arguments, Purpose::Crash, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Status(arguments) } => {
            done = arm::status::run(&arguments, Purpose::Crash, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Verify(arguments) } => {
            done = load::verify::run(&arguments, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Plan(arguments) } => {
            done = load::plan::run(&arguments, Purpose::Crash, false, &mut out)?;
        }
        Command::Kdump { command: KdumpCommand::Ranges(arguments) } => {
            done = load::ranges::run(&arguments, &mut out)?;
        }
        Command::Check(arguments) => done = check::run(&arguments, &mut out)?,
        Command::Firmware(arguments) => done = firmware::run(&arguments, &mut out)?,
        Command::Online(arguments) => done = online::online(&arguments, &mut out)?,
        Command::Watch(arguments) => done = watch::run(&arguments, &mut out)?,
        Command::Offline(arguments) => done = online::offline(&arguments, &mut out)?,
        Command::Capture(arguments) => capture::run(&arguments, &mut out)?,
        Command::Completions { shell } => generate::completions(shell, &mut out)?,
        Command::Man { directory } => generate::man_pages(&directory, &mut out)?,
    }
    out.flush()?;
    Ok(done)
}
