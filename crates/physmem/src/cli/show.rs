//! The options of `physmem show`.

use clap::Args;

use super::input::MachineArguments;

// Each is an option of its own on the command line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Print JSON; schema/show.schema.json describes it
    #[arg(short = 'J', long, conflicts_with_all = ["output", "output_all", "raw"])]
    pub(crate) json: bool,
    /// Print one line for each memory block instead of each range
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print sizes in bytes
    #[arg(short, long)]
    pub(crate) bytes: bool,
    /// Print no headings
    #[arg(short, long)]
    pub(crate) noheadings: bool,
    /// Columns to print, separated by commas; +COL,... adds to the default ones. The default may change:
    /// scripts should name the columns they need
    #[arg(short, long, value_name = "COL,+COL", conflicts_with = "output_all")]
    pub(crate) output: Option<String>,
    /// Print all columns
    #[arg(long)]
    pub(crate) output_all: bool,
    /// Print one unaligned line for each range, with spaces in values as \x20, and no picture
    #[arg(short, long)]
    pub(crate) raw: bool,
}
