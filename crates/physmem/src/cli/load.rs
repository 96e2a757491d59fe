//! The options of the commands that plan a load.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use kexec::Caller;
use machine::releases::KexecTools;
use rules::Loader;

use super::address::parse_address;
use super::input::MachineArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum KexecCommand {
    /// Plan a load: its segments and why they go there, the next kernel's memory map, margins and findings
    ///
    /// Plans follow Linux 6.1 to 7.3 and kexec-tools 2.0.25: an x86 bzImage or an arm64 Image by kexec_file_load or
    /// kexec_load, and an x86 ELF kernel by kexec_load. Signatures, lockdown and security modules are not checked: the
    /// kernel may still refuse a load that is planned here.
    ///
    /// Exit status: 0 a plan, 1 failure, 2 usage, 3 the load is refused, or a plan with findings.
    Plan(KexecPlanArguments),
    /// Show what kexec_load and kexec_file_load would do differently on this machine, range by range
    ///
    /// If one of them, or both, cannot load the kernel, the reason is shown instead.
    ///
    /// Exit status: 0 success, 1 failure, 2 usage.
    Diff(DiffArguments),
    /// Load a kernel for the next reboot by kexec, after every check that gives the reason the kernel would not
    ///
    /// Prints what was loaded, and what is wrong with it. A record of the load stays in /run/physmem, which `status`,
    /// `check` and `watch` read.
    ///
    /// Exit status: 0 loaded, 1 failure, 2 usage, 3 refused, by a check or by the kernel.
    Load(KexecLoadArguments),
    /// Forget the kernel that is loaded for the next reboot
    ///
    /// Exit status: 0 nothing is loaded now, 1 failure, 2 usage, 3 the kernel refuses.
    Unload(UnloadArguments),
    /// Start the loaded kernel: through systemd where it runs; elsewhere at once, which stops no service
    ///
    /// Refuses to start an image that lies in memory that was removed since it was loaded.
    ///
    /// Exit status: does not return, or 0 systemd starts it, 1 failure, 2 usage, 3 refused.
    Exec(ExecArguments),
    /// Say what is loaded, by whom if known, and whether it still describes the machine
    ///
    /// Exit status: 0 nothing is loaded, or what is loaded is good, 1 failure, 2 usage, 3 something is wrong with it, 4 it
    /// cannot be told.
    Status(StatusArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum KdumpCommand {
    /// Plan a load: its segments and why they go there, the crash kernel's memory map, the dump and findings
    ///
    /// Plans follow Linux 6.1 to 7.3 and kexec-tools 2.0.25: an x86 bzImage or an arm64 Image by kexec_file_load or
    /// kexec_load, and an x86 ELF kernel by kexec_load. Signatures, lockdown and security modules are not checked: the
    /// kernel may still refuse a load that is planned here.
    ///
    /// Exit status: 0 a plan, 1 failure, 2 usage, 3 the load is refused, or a plan with findings.
    Plan(PlanArguments),
    /// Show what a dump would contain and leave out, or compare a dump header with this machine
    ///
    /// Exit status: 0 success, 1 failure, 2 usage, 3 nothing is reserved for a crash kernel, or the
    /// --header file and the machine differ.
    Ranges(RangesArguments),
    /// Hold the header of a dump against the machine that it was taken on: what it lacks, and what it lists in vain
    ///
    /// Reads only the header: of /proc/vmcore in the crash kernel, of an ELF dump, or of a kdump-compressed one, as
    /// makedumpfile writes it. The machine is a capture that was made before the crash (--from), or the record of the
    /// crash kernel's load, /run/physmem/kdump.json (--record).
    ///
    /// Exit status: 0 it lists what it should, 1 failure, 2 usage, 3 it does not.
    Verify(VerifyArguments),
    /// Load a crash kernel, after every check that gives the reason the kernel would not
    ///
    /// Prints what was loaded, and what is wrong with it. A record of the load stays in /run/physmem, which `status`,
    /// `check` and `watch` read. Both system calls free the loaded crash kernel before they make the new one; if the new
    /// one is then refused, the earlier one is loaded again from its record.
    ///
    /// Exit status: 0 loaded, 1 failure, 2 usage, 3 refused, by a check or by the kernel.
    Load(LoadArguments),
    /// Forget the crash kernel; a crash then leaves no dump
    ///
    /// Exit status: 0 nothing is loaded now, 1 failure, 2 usage, 3 the kernel refuses.
    Unload(UnloadArguments),
    /// Say which crash kernel is loaded, by whom if known, and whether it still describes the machine
    ///
    /// Reads what lies in the crash kernel's memory, whoever loaded it (/proc/kcore, as root).
    ///
    /// Exit status: 0 what is loaded is good, 1 failure, 2 usage, 3 something is wrong with it, or memory is reserved and
    /// nothing loaded, 4 it cannot be told.
    Status(StatusArguments),
}

/// What to load, and how.
#[derive(Args, Debug)]
pub(crate) struct LoadArguments {
    /// The kernel to load: an x86 bzImage or an arm64 Image; recognized by content, not by name
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kernel: PathBuf,
    #[command(flatten)]
    pub(crate) with: WithArguments,
    /// The system call: `file` is kexec_file_load, which places the image itself; `load` is kexec_load, with places that
    /// physmem chooses
    #[arg(long, value_name = "LOADER", default_value = "file", value_parser = loader())]
    pub(crate) loader: Loader,
    #[command(flatten)]
    pub(crate) how: HowArguments,
    /// Print JSON; schema/load.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

/// How to go about a load.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct HowArguments {
    /// Check everything and print what would be loaded, but load nothing; the same exit status
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Leave no record in /run/physmem
    #[arg(long)]
    pub(crate) no_record: bool,
    /// Ask the kernel even if a check expects it to refuse
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct KexecLoadArguments {
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    /// Avoid memory that could be unplugged while the image waits there; needs --loader load, because
    /// kexec_file_load places segments itself
    #[arg(long)]
    pub(crate) avoid_removable: bool,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("against").args(["from", "sysroot", "record"]).required(true)))]
pub(crate) struct VerifyArguments {
    /// The dump: /proc/vmcore, a file that makedumpfile wrote, or only the header of one
    #[arg(value_name = "VMCORE", value_hint = ValueHint::FilePath)]
    pub(crate) dump: PathBuf,
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// A copy of /run/physmem/kdump.json of the machine, from before the crash
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,
    /// Print JSON; schema/kdump-verify.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UnloadArguments {
    /// Say what would be forgotten, and forget nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExecArguments {
    /// Check everything, and start nothing; the same exit status
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Start it even if it lies in memory that is gone, or if that cannot be told
    #[arg(long)]
    pub(crate) force: bool,
    /// Start it at once even where systemd runs: no service is stopped, and nothing is unmounted
    #[arg(long)]
    pub(crate) at_once: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Print JSON; schema/status.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

/// What to load, on which machine, and how.
#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    /// The system call: `file` is kexec_file_load, `load` is kexec_load, as called by the program that --by names
    #[arg(long, value_name = "LOADER", default_value = "file", value_parser = loader())]
    pub(crate) loader: Loader,
    /// The program that calls kexec_load, and so chooses the places: with `physmem`, what `physmem kexec load --loader
    /// load` does
    #[arg(long, value_name = "PROGRAM", default_value = "kexec-tools", value_parser = caller())]
    pub(crate) by: Caller,
    /// Print JSON; schema/kexec.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct KexecPlanArguments {
    #[command(flatten)]
    pub(crate) plan: PlanArguments,
    /// Avoid memory that could be unplugged while the image waits there; needs --loader load, because
    /// kexec_file_load places segments itself
    #[arg(long)]
    pub(crate) avoid_removable: bool,
}

/// What to load.
#[derive(Args, Debug)]
pub(crate) struct ImageArguments {
    /// The kernel to load: an x86 bzImage, an x86 ELF vmlinux (with --loader load), or an arm64 Image, which may be packed
    /// into an EFI program; recognized by content, not by name
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kernel: PathBuf,
    #[command(flatten)]
    pub(crate) beside: BesideArguments,
}

/// What to load along with the kernel.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WithArguments {
    /// Its initial ramdisk; of a plan, only the file size matters
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) initrd: Option<PathBuf>,
    /// Its command line; empty if neither this nor --reuse-cmdline is given
    #[arg(long, value_name = "STR", allow_hyphen_values = true, conflicts_with = "reuse_cmdline")]
    pub(crate) append: Option<String>,
    /// Use the running kernel's command line, without BOOT_IMAGE= and, for kdump, without crashkernel=
    #[arg(long)]
    pub(crate) reuse_cmdline: bool,
    /// Keep kexec_file_load out of contiguous memory areas, as kexec-tools does with this option (KEXEC_FILE_NO_CMA, Linux
    /// 6.17)
    #[arg(long)]
    pub(crate) no_cma: bool,
}

/// What to plan along with the kernel.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BesideArguments {
    #[command(flatten)]
    pub(crate) with: WithArguments,
    /// Size of purgatory in memory, which no file shows. Default: on x86 0x5000 for Linux 6.12 and 0x9000 for kexec-tools
    /// 2.0.25; on arm64 0x3558 for kexec-tools, and none for Linux
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) purgatory_size: Option<u64>,
    /// The version of kexec-tools that calls kexec_load. Default: the machine's, or 2.0.25, the one plans were compared
    /// with
    #[arg(long, value_name = "VERSION")]
    pub(crate) kexec_tools: Option<KexecTools>,
}

#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// Also compare where the segments of this kernel go
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kernel: Option<PathBuf>,
    /// Compare loads of a crash kernel
    #[arg(long)]
    pub(crate) crash: bool,
    #[command(flatten)]
    pub(crate) beside: BesideArguments,
    /// Print JSON; schema/kexec-diff.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RangesArguments {
    #[command(flatten)]
    pub(crate) input: MachineArguments,
    /// The system call: `file` is kexec_file_load, `load` is kexec_load as called by kexec-tools
    #[arg(long, value_name = "LOADER", default_value = "file", value_parser = loader())]
    pub(crate) loader: Loader,
    /// A dump, or the memory at elfcorehdr=: compare what its header lists with this machine
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) header: Option<PathBuf>,
    /// Print JSON; schema/kdump-ranges.schema.json describes it
    #[arg(short = 'J', long)]
    pub(crate) json: bool,
}

fn loader() -> impl TypedValueParser<Value = Loader> {
    PossibleValuesParser::new(["file", "load"]).map(|name| match name.as_str() {
        "load" => Loader::KexecLoad,
        _ => Loader::KexecFileLoad,
    })
}

fn caller() -> impl TypedValueParser<Value = Caller> {
    let all = [Caller::KexecTools, Caller::Physmem];
    PossibleValuesParser::new(all.map(Caller::as_str))
        .map(move |name| all.into_iter().find(|caller| caller.as_str() == name).unwrap_or_default())
}

fn bytes(text: &str) -> Result<u64, String> {
    match parse_address(text) {
        Some(0) => Err("a purgatory has at least one byte".to_owned()),
        Some(size) => Ok(size),
        None => {
            Err("expected bytes as hexadecimal with 0x or as a number with K, M or G: 0x5000 or 20K"
                .to_owned())
        }
    }
}
