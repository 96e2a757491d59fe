//! Why a command failed, its exit code, and what the user can do.

use std::io;
use std::path::PathBuf;

use audit::Code;
use kexec::{Arm64Error, Caller, ElfError, PlanError, Purpose, Remedy, SegmentKind};
use rules::Loader;

/// Anything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Read(#[from] host::ReadError),
    #[error(transparent)]
    Capture(#[from] host::CaptureError),
    #[error(transparent)]
    Act(#[from] act::Error),
    #[error("{origin}: {source}")]
    Machine { origin: String, source: machine::MachineError },
    #[error("{origin}: {source}")]
    OnlyBoot { origin: String, source: machine::MachineError },
    #[error(transparent)]
    Firmware(#[from] host::FirmwareFileError),
    #[error("{origin}: {source}")]
    BootInput { origin: String, source: machine::boot::InputError },
    #[error("{origin}: {source}")]
    Boot { origin: String, source: machine::boot::BootError },
    #[error("{origin}: {source}")]
    Life { origin: String, source: machine::life::LifeError },
    #[error("{0}")]
    Event(machine::life::EventError),
    #[error("{0}")]
    Hotplug(String),
    #[error("nothing happens: give --event or a scenario file")]
    NoEvents,
    #[error("{}: {why}", path.display())]
    Scenario { path: PathBuf, why: String },
    #[error("{}: a simulated machine is written as a snapshot; expected a name that ends in .json", path.display())]
    SimulatedFormat { path: PathBuf },
    #[error("--remove {parameter}: the command line has no such parameter; it is: {line}")]
    NotRemoved { parameter: String, line: String },
    #[error("nothing to change: give --append, --remove, --cmdline, --kernel-release or --rules")]
    NothingAsked,
    #[error("{origin} shows nothing about its boot: there is nothing to compare")]
    NothingToVerify { origin: String },
    #[error("{}: {source}", path.display())]
    Image { path: PathBuf, source: images::ImageError },
    #[error("{}: this is an {kind}; expected an x86 bzImage or ELF kernel, or an arm64 Image", path.display())]
    ImageKind { path: PathBuf, kind: String },
    #[error("{}: {source}", path.display())]
    Unloadable { path: PathBuf, source: images::bz_image::Unloadable },
    #[error("cannot read {option} {}: {source}", path.display())]
    Given { option: &'static str, path: PathBuf, source: io::Error },
    #[error("{option} {}: not a regular file", path.display())]
    NoFile { option: &'static str, path: PathBuf },
    #[error("{option} {}: empty file, which neither system call loads", path.display())]
    EmptyFile { option: &'static str, path: PathBuf },
    #[error("{}: this is the dump header of an {of} machine, but {origin} is not one", path.display())]
    OtherHeader { path: PathBuf, of: images::elf::Machine, origin: String },
    #[error("{origin} does not show its command line (/proc/cmdline), which --reuse-cmdline takes")]
    NoCommandLine { origin: String },
    #[error("{}: {why}", path.display())]
    Packed { path: PathBuf, why: String },
    #[error("{}: {source}", path.display())]
    CoreHeader { path: PathBuf, source: images::ImageError },
    #[error("{}: a flattened dump (makedumpfile -F), which is only a transport format", path.display())]
    FlattenedDump { path: PathBuf },
    #[error("--record {}: {why}", path.display())]
    BadRecord { path: PathBuf, why: String },
    #[error("--avoid-removable needs --loader load: kexec_file_load places segments itself")]
    KernelPlaces,
    #[error("--by physmem needs --loader load: kexec_file_load places segments itself")]
    NoProgramPlaces,
    #[error("{origin}: {}{source}{}", coded(*.code), refused(*.loader, *.by, source))]
    Plan {
        origin: String,
        code: Option<Code>,
        loader: Loader,
        by: Caller,
        source: PlanError,
        remedies: Vec<Remedy>,
    },
    #[error("{}", load_refused(*.purpose, *.loader, refusal, notes))]
    Load { purpose: Purpose, loader: Loader, refusal: act::kexec::LoadRefusal, notes: Vec<String> },
    #[error("nothing was unloaded: {}: {} ({})", refusal.rule, refusal.reason, refusal.errno)]
    Unload { refusal: act::kexec::LoadRefusal },
    #[error(transparent)]
    Record(#[from] act::kexec::RecordError),
    #[error("the image is loaded, but {0}")]
    LoadedWithoutRecord(act::kexec::RecordError),
    #[error("the call reported no error, but the kernel shows no {} as loaded", image_word(*.purpose))]
    NotLoaded { purpose: Purpose },
    #[error("the command line has a NUL byte, at which it would end")]
    NulInCommandLine,
    #[error("{0}")]
    Exec(String),
    #[error(transparent)]
    Running(#[from] host::RunningReadError),
    #[error(transparent)]
    Contents(#[from] kexec::ContentsError),
    #[error("{what}")]
    NotStarted { what: String, remedy: &'static str },
    #[error("unknown column {column:?}; known columns: {known}")]
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
    /// 1 for a failure, 2 for a usage error, 3 for a load that would be refused.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Column { .. }
            | Self::NothingAsked
            | Self::KernelPlaces
            | Self::NoProgramPlaces
            | Self::Event(_)
            | Self::Hotplug(_)
            | Self::NoEvents
            | Self::NulInCommandLine
            | Self::SimulatedFormat { .. } => 2,
            Self::Load { .. } | Self::Unload { .. } | Self::NotStarted { .. } => 3,
            // Where too little is known for a plan, the command fails; where the load would, that is its answer.
            Self::Plan { source, .. } if source.errno().is_some() || *source == PlanError::NotByPhysmem => 3,
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
        if let Self::OnlyBoot { origin, .. } = self {
            // As boot takes it: the machine itself without an option, one file or several of firmware.
            let from = if origin == "/" { String::new() } else { format!(" --from {origin}") };
            return vec![format!("`physmem boot{from}` predicts the machine's memory from what there is")];
        }
        if let Self::Load { refusal, .. } | Self::Unload { refusal, .. } = self {
            return vec![refusal.remedy.clone()];
        }
        self.remedy().map(str::to_owned).into_iter().collect()
    }

    fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Act(error) => error.remedy(),
            Self::NotStarted { remedy, .. } => Some(remedy),
            Self::Record(_) => Some("nothing was loaded; --no-record loads without a record"),
            Self::LoadedWithoutRecord(_) => Some(
                "`status`, `check` and `watch` will take it for another program's load: make room, and load again",
            ),
            Self::Machine { source: machine::MachineError::Nothing { .. }, .. } | Self::Life { .. } => {
                Some("run as root, or use --from with a capture made by root (physmem capture -o FILE)")
            }
            Self::Event(_) | Self::NoEvents | Self::Scenario { .. } => {
                Some("`physmem simulate --help` lists the events and shows a scenario")
            }
            Self::BootInput { source: machine::boot::InputError::NoMap(_), .. } => Some(
                "run as root, use --from with a capture made by root, or --firmware with a file that has the map: a kernel \
                 log from its first line on (`journalctl -k -b`, /var/log/dmesg, or `dmesg` soon after boot)",
            ),
            Self::Boot { source: machine::boot::BootError::NoRamInTree, .. } => Some(
                "use /sys/firmware/fdt of the running machine, or a capture of it; `physmem firmware` shows what this tree has",
            ),
            Self::NothingToVerify { .. } => {
                Some("capture the machine as root soon after boot; memblock=debug shows the most")
            }
            Self::ImageKind { .. } => Some("use --kernel with a bzImage, an Image or a /boot/vmlinuz"),
            Self::Unloadable { .. } => {
                Some("use --kernel with a relocatable 64-bit kernel, such as a distribution kernel")
            }
            Self::EmptyFile { .. } => Some("omit the option to load only the kernel"),
            Self::NoCommandLine { .. } => Some("give the command line with --append"),
            Self::FlattenedDump { .. } => Some("put it together: makedumpfile -R DUMP < FILE"),
            Self::CoreHeader { .. } => Some(
                "use /proc/vmcore from the crash kernel, a dump that makedumpfile wrote, or the memory at elfcorehdr=",
            ),
            _ => None,
        }
    }
}

/// `kernel` or `crash kernel`.
const fn image_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reboot => "kernel for a reboot",
        Purpose::Crash => "crash kernel",
    }
}

/// What the kernel answered, and what became of the image that was loaded before.
fn load_refused(
    purpose: Purpose,
    loader: Loader,
    refusal: &act::kexec::LoadRefusal,
    notes: &[String],
) -> String {
    let act::kexec::LoadRefusal { errno, rule, reason, .. } = refusal;
    let said = [reason.as_str()].into_iter().chain(notes.iter().map(String::as_str));
    let said = said.collect::<Vec<_>>().join("; ");
    format!("no {} was loaded: {rule}: {} fails with {errno}: {said}", image_word(purpose), loader.as_str())
}

/// The code of the finding for this refusal.
fn coded(code: Option<Code>) -> String {
    code.map_or_else(String::new, |code| format!("{code}: "))
}

/// How the kernel or kexec-tools would report it; physmem, in these words, before it calls the kernel.
fn refused(loader: Loader, by: Caller, error: &PlanError) -> String {
    let by_the_program = matches!(
        error,
        PlanError::NoHole { .. }
            | PlanError::CommandLineTooLong { .. }
            | PlanError::NoCrashKernel
            | PlanError::NoKernel { .. }
            | PlanError::OtherArchitecture { .. }
    );
    if loader == Loader::KexecLoad && by == Caller::Physmem {
        return String::new();
    }
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
        | PlanError::ArchitectureUnknown { .. }
        | PlanError::ClassUnknown { .. } => {
            "run as root, or use --from with a capture made by root (physmem capture -o FILE)"
        }
        PlanError::NoSystemCall { .. } => {
            "use the other --loader, or boot a kernel that was built with this system call"
        }
        PlanError::NotPermitted { .. } => {
            "only a boot lifts a limit; a kernel that is locked down takes a signed kernel by --loader file"
        }
        PlanError::OtherArchitecture { .. } => "use --kernel with a kernel for this machine",
        PlanError::NoCrashKernel => {
            "physmem what-if --append crashkernel=256M shows where the reservation would go"
        }
        PlanError::HeaderSize => "the list of possible CPUs is damaged: capture the machine again",
        PlanError::CommandLineTooLong { .. } => "use a shorter command line with --append",
        PlanError::NoKernel { .. } => "the file was cut off, or its header is damaged: copy the kernel again",
        PlanError::TooSmall { kind: SegmentKind::ElfCoreHeader, .. } => {
            "a kernel with a larger CONFIG_CRASH_MAX_MEMORY_RANGES has room for more memory ranges"
        }
        PlanError::TooSmall { .. } | PlanError::Segment { .. } => {
            "the kernel's header is damaged, or something was added to its file: copy the kernel again"
        }
        PlanError::NoHole { kind: SegmentKind::Initrd, .. } => {
            "use a smaller --initrd; for a crash kernel, boot with a larger crashkernel="
        }
        PlanError::NoHole { .. } | PlanError::NoKernelLocation { .. } => {
            "add memory; for a crash kernel, boot with a larger crashkernel="
        }
        PlanError::KernelPlaces => "use --loader load",
        PlanError::NotByPhysmem => {
            "use --kernel with a bzImage (/boot/vmlinuz); --by kexec-tools plans what kexec-tools does"
        }
        PlanError::Arm64(Arm64Error::SeedNotWiped | Arm64Error::Unwritable { .. }) => "use --loader file",
        PlanError::Arm64(Arm64Error::TreeTooLarge { .. }) => {
            "use a shorter command line with --append; if the boot's own tree is that large, no kernel takes it"
        }
        PlanError::Elf(ElfError::NoFileLoad) => {
            "use --loader load, or --kernel with the bzImage (/boot/vmlinuz)"
        }
        PlanError::Elf(ElfError::InitrdLimit { .. }) => {
            "use a smaller --initrd, or --kernel with the bzImage, whose initial ramdisk may go anywhere; for a crash kernel, reserve a lower area (crashkernel=256M@512M)"
        }
        PlanError::Elf(_) => "use --kernel with the bzImage (/boot/vmlinuz), which can go anywhere",
        PlanError::Arm64(_) => "the kernel's header or the machine's device tree is damaged: copy it again",
        PlanError::TooManySegments { .. } => {
            "each program header of an ELF kernel is a segment: use --kernel with the bzImage (/boot/vmlinuz), which is a single segment"
        }
        PlanError::HalfOfRam { .. } => "use a smaller --initrd, or add memory",
        PlanError::EfiMap { .. } => "the map's size is wrong: this is a bug of physmem",
    }
}
