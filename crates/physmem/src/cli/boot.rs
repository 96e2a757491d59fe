//! The options of the commands that predict a boot.

use std::path::PathBuf;

use clap::{Args, ValueHint, builder::PossibleValuesParser, builder::TypedValueParser};
use machine::Release;
use memblock::PhysRange;
use rules::Rules;

use super::input::InputArguments;
use super::target::Target;

/// The source of the firmware map, the command line and the release.
#[derive(Args, Debug, Default)]
pub(crate) struct BootSourceArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Read firmware tables: a flattened device tree, an ACPI SRAT or SLIT, an x86 zero page (boot_params), or
    /// text with an e820 or EFI memory map such as a kernel log. Files are recognized by content, not by name;
    /// several files describe one machine
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 1..,
        conflicts_with_all = ["from", "sysroot"]
    )]
    pub(crate) firmware: Vec<PathBuf>,
    /// Where the boot loader put the kernel's image, from its text to the end of its bss: START-LAST in hexadecimal, as
    /// /proc/iomem prints `Kernel code` to `Kernel bss`, or START..END, the end excluded
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub(crate) kernel_image: Option<PhysRange>,
    /// Where the boot loader put the initial ramdisk, as the kernel log prints `RAMDISK:`; a range as above
    #[arg(long, value_name = "RANGE", value_parser = range)]
    pub(crate) initrd: Option<PhysRange>,
}

/// A range of addresses, in either form that `physmem explain` takes.
fn range(text: &str) -> Result<PhysRange, String> {
    match text.parse() {
        Ok(Target::Range(range)) => Ok(range),
        _ => Err("expected a range: START-LAST in hexadecimal, or START..END, the end excluded".into()),
    }
}

/// Changes to what the machine was booted with.
#[derive(Args, Debug, Default)]
pub(crate) struct EditArguments {
    /// Take this for the machine's command line; --append and --remove then edit it
    #[arg(long, value_name = "LINE", allow_hyphen_values = true)]
    pub(crate) cmdline: Option<String>,
    /// Append parameters to the command line; may be given more than once
    #[arg(long, value_name = "PARAMETERS", allow_hyphen_values = true)]
    pub(crate) append: Vec<String>,
    /// Remove a parameter from the command line: NAME for every parameter of that name, or NAME=VALUE; may be
    /// given more than once, and applies before --append
    #[arg(long, value_name = "PARAMETER")]
    pub(crate) remove: Vec<String>,
    /// Boot this release of Linux instead, e.g. 6.12 or 6.1.0-38-amd64
    #[arg(long, value_name = "RELEASE")]
    pub(crate) kernel_release: Option<Release>,
}

impl EditArguments {
    /// What stands before the edits: a stated command line that others of these edit; without them, it is the edit.
    pub(crate) fn stated(&self) -> Self {
        let is_edited = !self.append.is_empty() || !self.remove.is_empty();
        Self { cmdline: self.cmdline.clone().filter(|_| is_edited), ..Self::default() }
    }

    /// Whether there are no changes.
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
    /// List every step the kernel takes, worded as by memblock=debug, with its reason and source; JSON always
    /// includes the steps
    #[arg(long)]
    pub(crate) trace: bool,
    /// Compare the prediction with what the machine shows of its boot; exit with 3 if they differ
    #[arg(long, conflicts_with_all = ["cmdline", "append", "remove", "kernel_release", "trace"])]
    pub(crate) verify: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhatIfArguments {
    #[command(flatten)]
    pub(crate) source: BootSourceArguments,
    #[command(flatten)]
    pub(crate) edits: EditArguments,
    /// Use other rules for who may use which memory
    #[arg(long, value_name = "RULES", value_parser = rules())]
    pub(crate) rules: Option<&'static Rules>,
    /// Print JSON; schema/what-if.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

impl WhatIfArguments {
    /// Whether there are no changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.rules.is_none()
    }
}

fn rules() -> impl TypedValueParser<Value = &'static Rules> {
    PossibleValuesParser::new(Rules::ALL.map(|rules| rules.name))
        .map(|name| Rules::ALL.into_iter().find(|rules| rules.name == name).unwrap_or(&Rules::LINUX))
}
