//! Why a command failed, and with which exit code.

use std::io;
use std::path::PathBuf;

use audit::Code;
use kexec::{Arm64Error, ElfError, PlanError, Remedy, SegmentKind};
use rules::Loader;

/// Anything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Read(#[from] host::ReadError),
    #[error(transparent)]
    Capture(#[from] host::CaptureError),
    #[error("{origin}: {source}")]
    Machine { origin: String, source: machine::MachineError },
    #[error(transparent)]
    Firmware(#[from] host::FirmwareFileError),
    #[error("{origin}: {source}")]
    BootInput { origin: String, source: machine::boot::InputError },
    #[error("{origin}: {source}")]
    Boot { origin: String, source: machine::boot::BootError },
    #[error("--remove {parameter}: the command line has no such parameter; it is: {line}")]
    NotRemoved { parameter: String, line: String },
    #[error("nothing is to be different: give --append, --remove, --cmdline, --kernel-release or --rules")]
    NothingAsked,
    #[error("{origin} shows nothing of what came of its boot: there is nothing to compare")]
    NothingToVerify { origin: String },
    #[error("{}: {source}", path.display())]
    Image { path: PathBuf, source: images::ImageError },
    #[error("{}: this is an {kind}; loads of an x86 bzImage or ELF kernel and of an arm64 Image can be planned", path.display())]
    ImageKind { path: PathBuf, kind: String },
    #[error("{}: {source}", path.display())]
    Unloadable { path: PathBuf, source: images::bz_image::Unloadable },
    #[error("cannot read {option} {}: {source}", path.display())]
    Given { option: &'static str, path: PathBuf, source: io::Error },
    #[error("{option} {}: this is no regular file, expected one", path.display())]
    NoFile { option: &'static str, path: PathBuf },
    #[error("{option} {}: this is an empty file, which neither system call loads", path.display())]
    EmptyFile { option: &'static str, path: PathBuf },
    #[error("{}: this is the header of an {of} machine's dump, and {origin} is none", path.display())]
    OtherHeader { path: PathBuf, of: images::elf::Machine, origin: String },
    #[error("{origin} does not show its command line (/proc/cmdline), which --reuse-cmdline takes")]
    NoCommandLine { origin: String },
    #[error("{}: {why}", path.display())]
    Packed { path: PathBuf, why: String },
    #[error("{}: {source}", path.display())]
    CoreHeader { path: PathBuf, source: images::ImageError },
    #[error("--avoid-removable needs --loader load: kexec_file_load takes no advice where to place")]
    KernelPlaces,
    #[error("{origin}: {}{source}{}", coded(*.code), refused(*.loader, source))]
    Plan { origin: String, code: Option<Code>, loader: Loader, source: PlanError, remedies: Vec<Remedy> },
    #[error("unknown column {column:?}; known are: {known}")]
    Column { column: String, known: String },
    #[error("{target} is not on this machine: {known}")]
    NoTarget { target: String, known: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    #[error("cannot print: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    /// 1 for a failure, 2 for a wrong use.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Column { .. } | Self::NothingAsked | Self::KernelPlaces => 2,
            _ => 1,
        }
    }

    /// What the user can do.
    pub(crate) fn remedies(&self) -> Vec<String> {
        if let Self::Plan { remedies, source, .. } = self {
            let found = remedies.iter().map(ToString::to_string);
            let known = remedies.is_empty().then(|| plan_remedy(source).to_owned());
            return found.chain(known).collect();
        }
        self.remedy().map(str::to_owned).into_iter().collect()
    }

    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Machine { source: machine::MachineError::Nothing { .. }, .. } => {
                Some("run as root, or give --from a capture that root made (physmem capture -o FILE)")
            }
            Self::BootInput { source: machine::boot::InputError::NoMap(_), .. } => Some(
                "run as root, or give --from a capture that root made, or --firmware a file with the map",
            ),
            Self::NothingToVerify { .. } => {
                Some("capture the machine as root soon after it booted; memblock=debug shows most")
            }
            Self::ImageKind { .. } => {
                Some("give --kernel the bzImage or Image of a build, or a /boot/vmlinuz")
            }
            Self::Unloadable { .. } => {
                Some("give --kernel a relocatable 64-bit kernel, as those of distributions are")
            }
            Self::EmptyFile { .. } => Some("leave the option out to load the kernel alone"),
            Self::NoCommandLine { .. } => Some("give the command line with --append"),
            Self::CoreHeader { .. } => Some(
                "give /proc/vmcore as the crash kernel has it, a dump in ELF form (makedumpfile -E), or the \
                 memory at elfcorehdr=; other forms of dumps have no such header",
            ),
            _ => None,
        }
    }
}

/// The finding that a refusal is.
fn coded(code: Option<Code>) -> String {
    code.map_or_else(String::new, |code| format!("{code}: "))
}

/// How the kernel would say it.
fn refused(loader: Loader, error: &PlanError) -> String {
    let by_the_program = matches!(
        error,
        PlanError::NoHole { .. }
            | PlanError::CommandLineTooLong { .. }
            | PlanError::NoCrashKernel
            | PlanError::NoKernel { .. }
            | PlanError::OtherArchitecture { .. }
    );
    if loader == Loader::KexecLoad && by_the_program {
        return " (kexec-tools gives up before it calls kexec_load)".to_owned();
    }
    error.errno().map_or_else(String::new, |errno| format!(" ({} fails with {errno})", loader.as_str()))
}

/// What the user can do about a load that cannot be planned.
fn plan_remedy(error: &PlanError) -> &'static str {
    match error {
        PlanError::NoIomem
        | PlanError::NoFirmwareMap
        | PlanError::NoMemblock
        | PlanError::NoScratch
        | PlanError::NoMap
        | PlanError::ClassUnknown { .. } => {
            "run as root, or give --from a capture that root made (physmem capture -o FILE)"
        }
        PlanError::OtherArchitecture { .. } => "give --kernel a kernel for this machine",
        PlanError::NoCrashKernel => {
            "physmem what-if --append crashkernel=256M says where the reservation would lie"
        }
        PlanError::HeaderSize => "the list of possible CPUs is damaged: capture the machine again",
        PlanError::CommandLineTooLong { .. } => "give a shorter command line with --append",
        PlanError::NoKernel { .. } => "the file was cut off, or its header is damaged: copy the kernel again",
        PlanError::TooSmall { kind: SegmentKind::ElfCoreHeader, .. } => {
            "a kernel with a larger CONFIG_CRASH_MAX_MEMORY_RANGES has room for more ranges of memory"
        }
        PlanError::TooSmall { .. } | PlanError::Segment { .. } => {
            "the kernel's header is damaged, or something was added to its file: copy the kernel again"
        }
        PlanError::NoHole { kind: SegmentKind::Initrd, .. } => {
            "give a smaller --initrd; a crash kernel's goes into its reservation: boot with more crashkernel="
        }
        PlanError::NoHole { .. } | PlanError::NoKernelLocation { .. } => {
            "only more memory helps, or for a crash kernel more crashkernel="
        }
        PlanError::KernelPlaces => "give --loader load",
        PlanError::Arm64(Arm64Error::SeedNotWiped) => "give --loader file",
        PlanError::Elf(ElfError::NoFileLoad) => "give --loader load, or --kernel the bzImage (/boot/vmlinuz)",
        PlanError::Elf(ElfError::InitrdLimit { .. }) => {
            "give a smaller --initrd, or --kernel the bzImage, whose initial ramdisk may lie anywhere; a crash kernel's area can be reserved lower (crashkernel=256M@512M)"
        }
        PlanError::Elf(_) => "give --kernel the bzImage (/boot/vmlinuz), which can lie anywhere",
        PlanError::Arm64(_) => "the kernel's header or the machine's device tree is damaged: copy it again",
        PlanError::TooManySegments { .. } => {
            "each program header of an ELF kernel is a segment: give --kernel the bzImage (/boot/vmlinuz), which is one"
        }
        PlanError::HalfOfRam { .. } => "give a smaller --initrd, or more memory",
        PlanError::EfiMap { .. } => "the map's size is wrong: this is a bug of physmem",
    }
}
