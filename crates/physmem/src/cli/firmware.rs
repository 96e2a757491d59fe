//! The options of `physmem firmware`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Args, Debug)]
pub(crate) struct FirmwareArguments {
    /// The files: a flattened device tree, an ACPI table or the text of acpidump, an x86 zero page (boot_params), or text
    /// with an e820 or EFI memory map such as a kernel log. Files are recognized by content, not by name
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Print JSON; schema/firmware.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}
