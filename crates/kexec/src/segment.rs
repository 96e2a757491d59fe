//! A segment: one piece of what is loaded, and its place.

use std::fmt;

use memblock::PhysRange;

/// The maximum number of segments in one load (include/linux/kexec.h:KEXEC_SEGMENT_MAX, 6.12).
pub const MOST_SEGMENTS: usize = 16;

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// The header of the dump.
    ElfCoreHeader,
    /// The code between the two kernels.
    Purgatory,
    /// The zero page, the command line, EFI's memory map and setup_data.
    BootParameters,
    /// The kernel.
    Kernel,
    /// Its initial ramdisk.
    Initrd,
    /// The device tree of the next kernel.
    DeviceTree,
    /// Where purgatory saves the first 640 KiB for the dump (kexec_load on x86).
    Backup,
    /// The list of kexec handover's scratch areas.
    Handover,
    /// setup_data: EFI data, entries of the map after the 128th, or a random seed (kexec_load on x86, one
    /// segment for each).
    SetupData,
}

impl SegmentKind {
    /// The word for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ElfCoreHeader => "elfcorehdr",
            Self::Purgatory => "purgatory",
            Self::BootParameters => "boot-params",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::DeviceTree => "dtb",
            Self::Backup => "backup",
            Self::Handover => "kho-scratch",
            Self::SetupData => "setup-data",
        }
    }
}

impl fmt::Display for SegmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it holds.
    pub kind: SegmentKind,
    /// Where it lies when the kernel starts: whole pages, half-open.
    pub range: PhysRange,
    /// Bytes that are loaded (`bufsz`); the rest of the range is zeroed.
    pub loaded: u64,
    /// The hole it was placed in starts at a multiple of this many bytes. So does the segment, except an
    /// arm64 kernel with a `text_offset`, which starts that far into the hole.
    pub alignment: u64,
    /// What the loader asked for instead, if that is larger: a contiguous memory area (CMA) aligns to 1 MiB at most.
    pub wanted_alignment: u64,
    /// Why it is there.
    pub reason: String,
}
