//! Why the segments of a plan cannot be filled.

use images::ImageError;
use images::bz_image::Unloadable;

use crate::error::Arm64Error;
use crate::segment::SegmentKind;

/// Why the segments of a plan cannot be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// Another program, or the kernel, fills them.
    #[error("this is no plan of a bzImage or an arm64 Image that physmem loads itself by kexec_load")]
    NotOurs,
    /// A plan without one of the segments that every load has.
    #[error("the plan has no segment for {kind}, which every load has")]
    NoSegment {
        /// Which.
        kind: SegmentKind,
    },
    /// A file changed since it was planned.
    #[error("{what} is not the one that was planned: its file changed in between; load it again")]
    OtherFile {
        /// Which.
        what: &'static str,
    },
    /// The kernel's header is damaged.
    #[error("the kernel: {0}")]
    Image(#[from] ImageError),
    /// The kernel cannot be entered.
    #[error(transparent)]
    Unloadable(#[from] Unloadable),
    /// More was made than was planned.
    #[error(
        "{kind} has {size:#x} bytes, and its segment has room for {room:#x}: more memory or CPUs came since it was planned; load it again"
    )]
    TooLarge {
        /// Which.
        kind: SegmentKind,
        /// Bytes made.
        size: u64,
        /// Bytes planned.
        room: u64,
    },
    /// A crash kernel is loaded, and nothing shows where the crashing kernel leaves its notes.
    #[error(
        "nothing shows where this kernel leaves its notes for a dump (crash_notes, vmcoreinfo): load as root"
    )]
    NoNotes,
    /// The next kernel's device tree is a copy of this boot's, which was not shown.
    #[error(
        "nothing shows the device tree of this boot, of which the next kernel gets a copy: read /sys/firmware/fdt as root"
    )]
    NoDeviceTree,
    /// This boot's device tree cannot be read or written again.
    #[error(transparent)]
    DeviceTree(#[from] Arm64Error),
    /// A machine that booted with EFI, which alone shows where ACPI's tables lie.
    #[error(
        "nothing shows where ACPI's root pointer lies, without which the next kernel finds neither CPUs nor devices: read \
         /sys/firmware/efi/systab as root, or load by kexec_file_load"
    )]
    NoRsdp,
}
