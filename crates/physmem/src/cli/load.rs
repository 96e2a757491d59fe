//! The options of the commands that plan a load.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::InputArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// Plan the load: its segments and why they go there, the command line, the next kernel's map, the dump
    ///
    /// Planned is kexec_file_load of an x86 bzImage on x86_64, as Linux 6.12 does it. Not there yet: kexec_load, other
    /// images and architectures, margins, and findings. Signatures, lockdown and the limits on loads are not checked:
    /// a load that is planned here may still be refused.
    ///
    /// Exit status: 0 there is a plan, 1 failure or no plan is possible, 2 usage.
    Plan(PlanArguments),
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// The kernel to load; told by content, not by name, and only an x86 bzImage can be planned so far
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kernel: PathBuf,
    /// Its initial ramdisk; only the file's size counts
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) initrd: Option<PathBuf>,
    /// Its command line; empty if neither this nor --reuse-cmdline is given
    #[arg(long, value_name = "STR", allow_hyphen_values = true, conflicts_with = "reuse_cmdline")]
    pub(crate) append: Option<String>,
    /// Take the running kernel's command line, without BOOT_IMAGE= and, for kdump, without crashkernel=
    #[arg(long)]
    pub(crate) reuse_cmdline: bool,
    /// The system call that loads: `file` is kexec_file_load; kexec_load is to come
    #[arg(long, value_name = "LOADER", default_value = "file", value_parser = loader)]
    pub(crate) loader: Loader,
    /// Print JSON; schema/kexec.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

/// The system calls that can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loader {
    KexecFileLoad,
}

impl Loader {
    /// The name for tables and JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::KexecFileLoad => "kexec_file_load",
        }
    }
}

fn loader(text: &str) -> Result<Loader, String> {
    match text {
        "file" => Ok(Loader::KexecFileLoad),
        "load" => Err("plans of kexec_load are to come; expected `file`, kexec_file_load".to_owned()),
        _ => Err("expected `file`, kexec_file_load; `load`, kexec_load, is to come".to_owned()),
    }
}
