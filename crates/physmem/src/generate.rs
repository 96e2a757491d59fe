//! Completions and man pages, both from the definition of the command line.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// Prints the completion script.
pub(crate) fn completions(shell: Shell, out: &mut impl Write) -> Result<(), Failure> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "physmem", &mut script);
    out.write_all(&script)?;
    Ok(())
}

/// Writes physmem.1 and physmem-COMMAND.1, and prints their names.
pub(crate) fn man_pages(directory: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let pages = command.get_subcommands().map(|sub| (format!("physmem-{}.1", sub.get_name()), sub.clone()));
    let pages: Vec<_> = std::iter::once(("physmem.1".to_owned(), command.clone())).chain(pages).collect();
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
