//! Completions and man pages, generated from the command line definition.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// Prints the completion script.
pub(crate) fn completions(shell: Shell, out: &mut impl Write) -> Result<(), Failure> {
    // The generator panics if it cannot write, so write to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "physmem", &mut script);
    out.write_all(&script)?;
    Ok(())
}

/// Writes physmem.1, physmem-COMMAND.1 and, for subcommands, physmem-COMMAND-COMMAND.1, and prints their names.
pub(crate) fn man_pages(directory: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, "physmem", &mut pages);
    for (name, command) in pages {
        let path = directory.join(&name);
        let mut page = Vec::new();
        let title = name.trim_end_matches(".1").to_owned();
        clap_mangen::Man::new(command).title(title.to_uppercase()).render(&mut page)?;
        std::fs::write(&path, page).map_err(|source| Failure::File { path: path.clone(), source })?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// Collects a command's page, then those of its subcommands.
fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, clap::Command)>) {
    pages.push((format!("{name}.1"), command.clone()));
    for sub in command.get_subcommands() {
        collect(sub, &format!("{name}-{}", sub.get_name()), pages);
    }
}
