//! The options of `physmem check`.

use std::fmt::Write;

use audit::Code;
use clap::Args;
use textwrap::Options;

use super::input::MachineArguments;
use crate::output::lines::WIDTH;

/// As wide as the longest code with two spaces on each side.
const NEXT: &str = "                              ";

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Print JSON; schema/check.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// Exit with 0, not 4, if nothing is found but files or privileges were missing
    #[arg(long)]
    pub(crate) allow_unknown: bool,
}

/// The codes, for the long help and the man page.
pub(super) fn help() -> String {
    let mut text = "Codes:".to_owned();
    for code in Code::ALL {
        let first = format!("  {:28}", code.as_str());
        let options = Options::new(WIDTH).initial_indent(&first).subsequent_indent(NEXT);
        // Writing to a string does not fail.
        let _ = write!(text, "\n{}", textwrap::fill(code.meaning(), options));
    }
    text
}
