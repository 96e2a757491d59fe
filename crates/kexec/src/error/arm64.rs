//! Why there is no plan of an arm64 Image.

use firmware::fdt::FdtError;
use memblock::PhysRange;

/// Why there is no plan of an arm64 Image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Arm64Error {
    /// kexec-tools refuses a tree whose seed was used but not wiped, as after a boot with `nokaslr`; it says
    /// `setup_2nd_dtb failed` (kexec-tools 2.0.25).
    #[error(
        "kaslr-seed of /sys/firmware/fdt is not wiped to 0, and kexec-tools refuses that: boot without nokaslr, or load by kexec_file_load (kexec -s)"
    )]
    SeedNotWiped,
    /// The header does not say how much memory the kernel uses: it is older than Linux 3.17, or damaged.
    #[error("image_size of the kernel's header is 0: kexec_file_load takes images of Linux 3.17 or later")]
    NoImageSize,
    /// `text_offset` and `image_size` wrap.
    #[error("text_offset {text_offset:#x} and image_size {image_size:#x} do not fit any address space")]
    ImageSize {
        /// As the header says.
        text_offset: u64,
        /// As the header says.
        image_size: u64,
    },
    /// The kernel's segment would begin inside a page, which is refused
    /// (kernel/kexec_core.c:sanity_check_segment_list, 6.12: EADDRNOTAVAIL).
    #[error("text_offset {text_offset:#x} of the kernel's header is not a multiple of a page, {page:#x}")]
    TextOffset {
        /// As the header says.
        text_offset: u64,
        /// Bytes of a page.
        page: u64,
    },
    /// The boot's device tree cannot be read.
    #[error("/sys/firmware/fdt: {0}")]
    DeviceTree(#[from] FdtError),
    /// The boot's device tree has a form that physmem cannot write again as it is.
    #[error("/sys/firmware/fdt: {why}: physmem cannot write such a tree again")]
    Unwritable {
        /// What it has, and what was expected.
        why: String,
    },
    /// The next kernel's device tree is too large (Documentation/arch/arm64/booting.rst, "Setup the device tree").
    #[error("the next kernel's device tree has {size:#x} bytes: the maximum is {most:#x}")]
    TreeTooLarge {
        /// Its bytes.
        size: u64,
        /// The most that an arm64 kernel takes.
        most: u64,
    },
    /// The root's `#address-cells` or `#size-cells` are too small for an address or a size of the crash
    /// kernel.
    #[error(
        "/sys/firmware/fdt: addresses of {address} and sizes of {size} cells do not hold {range}: expected 1 or 2 each"
    )]
    Cells {
        /// `#address-cells`.
        address: u32,
        /// `#size-cells`.
        size: u32,
        /// What had to be written.
        range: PhysRange,
    },
}

impl Arm64Error {
    /// The error number with which the system call refuses the load, see [`PlanError::errno`](crate::PlanError::errno).
    pub const fn errno(&self) -> Option<&'static str> {
        match self {
            Self::TextOffset { .. } => Some("EADDRNOTAVAIL"),
            Self::NoImageSize | Self::ImageSize { .. } | Self::DeviceTree(_) | Self::Cells { .. } => {
                Some("EINVAL")
            }
            Self::SeedNotWiped | Self::Unwritable { .. } | Self::TreeTooLarge { .. } => None,
        }
    }
}
