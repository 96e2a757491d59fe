//! The options of the commands that predict a boot.

use std::path::PathBuf;

use clap::{Args, ValueHint, builder::PossibleValuesParser, builder::TypedValueParser};
use machine::Release;
use rules::Rules;

use super::input::InputArguments;

/// Where the firmware's map, the command line and the release come from.
#[derive(Args, Debug, Default)]
pub(crate) struct BootSourceArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Read what firmware hands over: a flattened device tree, an ACPI SRAT or SLIT, an x86 zero page
    /// (boot_params), or text with an e820 or EFI memory map such as a kernel log; told by content, not by
    /// name, and several make one machine
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 1..,
        conflicts_with_all = ["from", "sysroot"]
    )]
    pub(crate) firmware: Vec<PathBuf>,
}

/// What is to be different from what the machine was booted with.
#[derive(Args, Debug, Default)]
pub(crate) struct EditArguments {
    /// Put this command line in the place of the machine's
    #[arg(long, value_name = "LINE", allow_hyphen_values = true, conflicts_with_all = ["append", "remove"])]
    pub(crate) cmdline: Option<String>,
    /// Add parameters at the end of the command line; may be given more than once
    #[arg(long, value_name = "PARAMETERS", allow_hyphen_values = true)]
    pub(crate) append: Vec<String>,
    /// Take a parameter out of the command line: NAME for all of that name, or NAME=VALUE; may be given more
    /// than once, and goes before --append
    #[arg(long, value_name = "PARAMETER")]
    pub(crate) remove: Vec<String>,
    /// Boot this release of Linux instead, e.g. 6.12 or 6.1.0-38-amd64
    #[arg(long, value_name = "RELEASE")]
    pub(crate) kernel_release: Option<Release>,
}

impl EditArguments {
    /// Whether nothing is to be different.
    pub(crate) fn is_empty(&self) -> bool {
        self.cmdline.is_none()
            && self.append.is_empty()
            && self.remove.is_empty()
            && self.kernel_release.is_none()
    }
}

#[derive(Args, Debug)]
pub(crate) struct BootArguments {
    #[command(flatten)]
    pub(crate) source: BootSourceArguments,
    #[command(flatten)]
    pub(crate) edits: EditArguments,
    /// Print JSON; schema/boot.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
    /// List every step the kernel takes, in the words of memblock=debug, with its reason and source; the JSON
    /// always has them
    #[arg(long)]
    pub(crate) trace: bool,
    /// Compare the prediction with what the machine shows of its boot; exit status 3 where they differ
    #[arg(long, conflicts_with_all = ["cmdline", "append", "remove", "kernel_release", "trace"])]
    pub(crate) verify: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhatIfArguments {
    #[command(flatten)]
    pub(crate) source: BootSourceArguments,
    #[command(flatten)]
    pub(crate) edits: EditArguments,
    /// Let other rules decide who may use which memory
    #[arg(long, value_name = "RULES", value_parser = rules())]
    pub(crate) rules: Option<&'static Rules>,
    /// Print JSON; schema/what-if.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

impl WhatIfArguments {
    /// Whether nothing is to be different.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.rules.is_none()
    }
}

fn rules() -> impl TypedValueParser<Value = &'static Rules> {
    PossibleValuesParser::new(Rules::ALL.map(|rules| rules.name))
        .map(|name| Rules::ALL.into_iter().find(|rules| rules.name == name).unwrap_or(&Rules::LINUX))
}
