//! Why there is no plan.

use memblock::PhysRange;

mod arm64;
mod elf;

pub use arm64::Arm64Error;
pub use elf::ElfError;

use crate::place::search::SearchError;
use crate::segment::{MOST_SEGMENTS, SegmentKind};

/// Why there is no plan. Each says what, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The resource tree was not shown, in which System RAM and the crash kernel's area stand.
    #[error(
        "/proc/iomem was not shown, which says where RAM and the crash kernel's memory lie: read it as root"
    )]
    NoIomem,
    /// kexec_file_load walks memblock, for places or for what the dump holds, and it was not shown.
    #[error(
        "/sys/kernel/debug/memblock was not shown, which kexec_file_load searches: read it as root, with debugfs mounted"
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
    /// kexec-tools takes its ranges from /sys/firmware/memmap, which was not shown, or is empty.
    #[error(
        "/sys/firmware/memmap was not shown, from which kexec-tools takes where an image may lie and what the next kernel is told: read it as root"
    )]
    NoFirmwareMap,
    /// The kernel is for another architecture than the machine's.
    #[error("the kernel is for {kernel}, and the machine is not")]
    OtherArchitecture {
        /// What the kernel is for.
        kernel: &'static str,
    },
    /// Removable memory is to be avoided, and the kernel itself places.
    #[error("kexec_file_load takes no advice where to place: only kexec_load can keep off removable memory")]
    KernelPlaces,
    /// More segments than one load may have.
    #[error("{segments} segments: one load may have {MOST_SEGMENTS}")]
    TooManySegments {
        /// How many.
        segments: usize,
    },
    /// The segments take more than half of RAM.
    #[error("the segments take {size:#x} bytes: all together may take half of RAM, {most:#x}")]
    HalfOfRam {
        /// Bytes of all segments, whole pages.
        size: u64,
        /// Bytes of half of RAM.
        most: u64,
    },
    /// It is not known which class memory is of, and the rules differ for those it may be.
    #[error("nothing tells the class of the memory at {range}, and the rules depend on it")]
    ClassUnknown {
        /// The memory.
        range: PhysRange,
    },
    /// No memory was set aside for a crash kernel.
    #[error("no memory is reserved for a crash kernel: boot with crashkernel=")]
    NoCrashKernel,
    /// How many CPUs the crash header has to describe is not known.
    #[error(
        "the size of the crash header is not known: it has a note for each possible CPU, and how many there may be was not shown, or is more than any"
    )]
    HeaderSize,
    /// The command line is longer than the kernel, or the loader, takes.
    #[error(
        "the command line has {length} bytes with its end{}: the most is {most}",
        for_elfcorehdr(*.added)
    )]
    CommandLineTooLong {
        /// Its bytes, the NUL behind it counted.
        length: u64,
        /// Bytes of `elfcorehdr=`, which kexec_file_load on x86 sets aside in every load, and by kexec-tools of
        /// `acpi_rsdp=`; 0 where nothing is added.
        added: u64,
        /// `cmdline_size` of the kernel's header; 2048, what kexec-tools makes room for, where it adds to the line.
        most: u64,
    },
    /// The kernel's file ends inside its setup code.
    #[error(
        "the kernel's file has {file_size:#x} bytes and ends in its setup code: expected a kernel behind it"
    )]
    NoKernel {
        /// Bytes of the file.
        file_size: u64,
    },
    /// More is loaded than there is room for: a kernel whose header asks for less than its file has, or more ranges
    /// than a crash header can describe (kernel/kexec_core.c:sanity_check_segment_list, 6.12).
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
        /// Its bytes as given.
        size: u64,
    },
    /// A segment has a size or an alignment that cannot be.
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
    /// Wherever the kernel may lie, something else finds no room; the words are the kernel's own
    /// (arch/arm64/kernel/kexec_image.c:image_load, 6.12).
    #[error(
        "Could not find any suitable kernel location! With the kernel at {kernel}, the first of {tries}: {source}"
    )]
    NoKernelLocation {
        /// The lowest place, at which most room is left.
        kernel: PhysRange,
        /// How many places were tried.
        tries: u64,
        /// What found no room there.
        #[source]
        source: Box<Self>,
    },
    /// Of an arm64 Image.
    #[error(transparent)]
    Arm64(#[from] Arm64Error),
    /// Of an ELF kernel.
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
    /// The error number with which the system call refuses the load, by its name; `None` where the plan, and not the
    /// load, fails for lack of knowledge.
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
            Self::NoKernel { .. } | Self::OtherArchitecture { .. } => Some("ENOEXEC"),
            Self::Arm64(error) => error.errno(),
            Self::Elf(error) => error.errno(),
            Self::NoIomem
            | Self::NoMemblock
            | Self::NoScratch
            | Self::NoMap
            | Self::NoFirmwareMap
            | Self::KernelPlaces
            | Self::ClassUnknown { .. }
            | Self::HeaderSize
            | Self::EfiMap { .. } => None,
        }
    }
}
