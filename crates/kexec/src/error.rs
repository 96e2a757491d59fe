//! Why there is no plan.

use memblock::PhysRange;

mod arm64;
mod elf;

pub use arm64::Arm64Error;
pub use elf::ElfError;

use crate::place::search::SearchError;
use crate::segment::{MOST_SEGMENTS, SegmentKind};

/// Why there is no plan: what was found, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The resource tree, which lists System RAM and the crash kernel's area, was not shown.
    #[error(
        "/proc/iomem, which says where RAM and the crash kernel's memory lie, was not shown: read it as root"
    )]
    NoIomem,
    /// The kernel was built without the system call.
    #[error("{why}")]
    NoSystemCall {
        /// The option that is off, and what shows it.
        why: &'static str,
    },
    /// The kernel has been told to refuse the load.
    #[error("{why}")]
    NotPermitted {
        /// The setting that refuses it, and what shows it.
        why: String,
    },
    /// memblock was not shown, in which kexec_file_load finds places or the memory to dump.
    #[error(
        "/sys/kernel/debug/memblock, which kexec_file_load searches, was not shown: read it as root, with debugfs mounted"
    )]
    NoMemblock,
    /// Kexec handover is on, and nothing shows its scratch areas.
    #[error(
        "kexec handover is on (kho=), and images go into its scratch areas, which /sys/kernel/debug/kho/out did not show"
    )]
    NoScratch,
    /// Nothing shows the firmware's map.
    #[error(
        "nothing shows the firmware's map, which is handed to the next kernel: neither /sys/kernel/boot_params, nor the kernel log, nor /sys/firmware/memmap"
    )]
    NoMap,
    /// kexec-tools, and physmem, take their ranges from /sys/firmware/memmap, which was not shown, or is empty.
    #[error(
        "/sys/firmware/memmap, from which a load by kexec_load takes where an image may lie and what the next kernel is told, was not shown: read it as root"
    )]
    NoFirmwareMap,
    /// The kernel is not for the machine's architecture.
    #[error("the kernel is for {kernel}, and the machine is not")]
    OtherArchitecture {
        /// What the kernel is for.
        kernel: &'static str,
    },
    /// Nothing names the machine's architecture.
    #[error("the kernel is for {kernel}, and nothing names the machine's architecture")]
    ArchitectureUnknown {
        /// What the kernel is for.
        kernel: &'static str,
    },
    /// physmem itself loads fewer kinds of kernels than kexec-tools.
    #[error("physmem itself loads by kexec_load only a bzImage on x86_64 and an Image on arm64")]
    NotByPhysmem,
    /// Removable memory is to be avoided, and the kernel itself places.
    #[error(
        "kexec_file_load cannot be told where to place an image: only kexec_load can avoid removable memory"
    )]
    KernelPlaces,
    /// More segments than one load may have.
    #[error("{segments} segments: one load may have {MOST_SEGMENTS}")]
    TooManySegments {
        /// How many.
        segments: usize,
    },
    /// The segments take more than half of RAM.
    #[error("the segments take {size:#x} bytes: together they may take half of RAM, {most:#x}")]
    HalfOfRam {
        /// Bytes of all segments, whole pages.
        size: u64,
        /// Bytes of half of RAM.
        most: u64,
    },
    /// The class of this memory is unknown, and the rules differ for the possible ones.
    #[error("nothing shows the class of the memory at {range}, and the rules depend on it")]
    ClassUnknown {
        /// The memory.
        range: PhysRange,
    },
    /// No memory was set aside for a crash kernel.
    #[error("no memory is reserved for a crash kernel: boot with crashkernel=")]
    NoCrashKernel,
    /// The number of CPUs that the crash header has to describe is unknown.
    #[error(
        "the size of the crash header is not known: it has a note for each possible CPU, and their number was not shown, or is impossibly large"
    )]
    HeaderSize,
    /// The command line is longer than the kernel, or the loader, accepts.
    #[error(
        "the command line has {length} bytes with its trailing NUL{}: the maximum is {most}",
        for_elfcorehdr(*.added)
    )]
    CommandLineTooLong {
        /// Its length in bytes, including the trailing NUL.
        length: u64,
        /// Bytes added for `elfcorehdr=`, which kexec_file_load on x86 sets aside in every load; with
        /// kexec-tools also for `acpi_rsdp=`. 0 where nothing is added.
        added: u64,
        /// `cmdline_size` of the kernel's header, or 2048, the room in kexec-tools, where that adds to the
        /// line.
        most: u64,
    },
    /// The kernel's file ends inside its setup code.
    #[error(
        "the kernel's file has {file_size:#x} bytes and ends in its setup code: expected a kernel after it"
    )]
    NoKernel {
        /// Bytes of the file.
        file_size: u64,
    },
    /// More is loaded than there is room for: a kernel whose header asks for less than the file's size, or
    /// more ranges than a crash header can describe (kernel/kexec_core.c:sanity_check_segment_list, 6.12).
    #[error("{kind}: {loaded:#x} bytes are loaded, the segment has {size:#x}")]
    TooSmall {
        /// Which.
        kind: SegmentKind,
        /// Bytes that would be loaded.
        loaded: u64,
        /// Bytes of the segment.
        size: u64,
    },
    /// EFI's map is larger than any memory.
    #[error("an EFI memory map of {size:#x} bytes does not fit beside the command line")]
    EfiMap {
        /// Its size in bytes, as given.
        size: u64,
    },
    /// A segment has an impossible size or alignment.
    #[error("{kind}: {source}")]
    Segment {
        /// Which.
        kind: SegmentKind,
        /// What is wrong with it.
        source: SearchError,
    },
    /// There is no hole for a segment.
    #[error(
        "{kind}: no hole of {size:#x} bytes at a multiple of {alignment:#x}, at or above {min:#x}; the largest range has {largest:#x} bytes"
    )]
    NoHole {
        /// Which.
        kind: SegmentKind,
        /// Bytes looked for.
        size: u64,
        /// Alignment looked for.
        alignment: u64,
        /// Lowest start looked for.
        min: u64,
        /// Bytes of the largest range searched, segments in it or not.
        largest: u64,
    },
    /// Wherever the kernel goes, something else finds no room. The wording is the kernel's own
    /// (arch/arm64/kernel/kexec_image.c:image_load, 6.12).
    #[error(
        "Could not find any suitable kernel location! With the kernel at {kernel}, the first of {tries}: {source}"
    )]
    NoKernelLocation {
        /// The lowest place, which leaves the most room.
        kernel: PhysRange,
        /// How many places were tried.
        tries: u64,
        /// What found no room there.
        #[source]
        source: Box<Self>,
    },
    /// An error specific to an arm64 Image.
    #[error(transparent)]
    Arm64(#[from] Arm64Error),
    /// An error specific to an ELF kernel.
    #[error(transparent)]
    Elf(#[from] ElfError),
}

fn for_elfcorehdr(added: u64) -> String {
    match added {
        0 => String::new(),
        _ => format!(", and {added} more are needed for elfcorehdr= and what goes with it"),
    }
}

impl PlanError {
    /// A stable name for the reason.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NoSystemCall { .. } => "no-such-system-call",
            Self::NotPermitted { .. } => "not-permitted",
            Self::NoIomem => "no-iomem",
            Self::NoMemblock => "no-memblock",
            Self::NoScratch => "no-scratch-areas",
            Self::NoMap => "no-firmware-map",
            Self::NoFirmwareMap => "no-firmware-memmap",
            Self::OtherArchitecture { .. } => "other-architecture",
            Self::ArchitectureUnknown { .. } => "architecture-unknown",
            Self::NotByPhysmem => "not-by-physmem",
            Self::KernelPlaces => "kernel-places",
            Self::TooManySegments { .. } => "too-many-segments",
            Self::HalfOfRam { .. } => "half-of-ram",
            Self::ClassUnknown { .. } => "class-unknown",
            Self::NoCrashKernel => "no-crash-kernel",
            Self::HeaderSize => "crash-header-size-unknown",
            Self::CommandLineTooLong { .. } => "command-line-too-long",
            Self::NoKernel { .. } => "no-kernel-in-file",
            Self::TooSmall { .. } => "segment-too-small",
            Self::EfiMap { .. } => "efi-map-size",
            Self::Segment { .. } => "impossible-segment",
            Self::NoHole { .. } => "no-hole",
            Self::NoKernelLocation { .. } => "no-kernel-location",
            Self::Arm64(_) => "arm64-image",
            Self::Elf(_) => "elf-kernel",
        }
    }

    /// The name of the error number with which the system call refuses the load; `None` where the plan fails
    /// for lack of knowledge, not the load.
    ///
    /// kernel/kexec_file.c:kexec_add_buffer and kernel/kexec_core.c:sanity_check_segment_list (6.12).
    pub const fn errno(&self) -> Option<&'static str> {
        match self {
            Self::NoHole { .. } | Self::NoKernelLocation { .. } | Self::NoCrashKernel => {
                Some("EADDRNOTAVAIL")
            }
            Self::TooManySegments { .. }
            | Self::HalfOfRam { .. }
            | Self::CommandLineTooLong { .. }
            | Self::TooSmall { .. }
            | Self::Segment { .. } => Some("EINVAL"),
            Self::NoSystemCall { .. } => Some("ENOSYS"),
            Self::NotPermitted { .. } => Some("EPERM"),
            Self::NoKernel { .. } | Self::OtherArchitecture { .. } => Some("ENOEXEC"),
            Self::Arm64(error) => error.errno(),
            Self::Elf(error) => error.errno(),
            Self::NoIomem
            | Self::NoMemblock
            | Self::NoScratch
            | Self::NoMap
            | Self::NoFirmwareMap
            | Self::NotByPhysmem
            | Self::KernelPlaces
            | Self::ClassUnknown { .. }
            | Self::ArchitectureUnknown { .. }
            | Self::HeaderSize
            | Self::EfiMap { .. } => None,
        }
    }
}
