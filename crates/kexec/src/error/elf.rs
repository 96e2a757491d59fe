//! Why there is no plan of an ELF kernel.

use memblock::PhysRange;

/// Why there is no plan of an ELF kernel. Words in quotes are from kexec-tools 2.0.25.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// On x86, kexec_file_load has a loader for bzImage and no other
    /// (arch/x86/kernel/machine_kexec_64.c:kexec_file_loaders, 6.12). `kexec -s` does not even get that far.
    #[error(
        "kexec_file_load takes no ELF kernel on x86, and kexec -s says \"Invalid memory segment\": only kexec_load takes it"
    )]
    NoFileLoad,
    /// A part of the kernel begins inside a page.
    #[error(
        "the kernel has a part that lies at {address:#x}, which is not a multiple of a page: kexec-tools refuses that, \"Base address: {address:#x} is not page aligned\""
    )]
    Unaligned {
        /// `p_paddr`.
        address: u64,
    },
    /// A part of the kernel lies where no image may lie. It is never moved.
    #[error(
        "the kernel has a part that lies at {range} and cannot move, which is not inside one range of {within}: kexec-tools refuses that, \"Invalid memory segment {:#x} - {:#x}\"",
        range.start(), range.last()
    )]
    Outside {
        /// Its whole pages.
        range: PhysRange,
        /// What it had to lie in.
        within: &'static str,
    },
    /// Two parts of the kernel overlap.
    #[error(
        "two parts of the kernel lie at {range}: kexec-tools refuses that, \"Overlapping memory segments\""
    )]
    Overlap {
        /// What both cover.
        range: PhysRange,
    },
    /// With an ELF kernel, the initial ramdisk goes below 896 MiB.
    #[error(
        "initrd: no hole of {size:#x} bytes between {min:#x} and {limit:#x}, where kexec-tools puts it with an ELF kernel, \"initrd_addr_max is {:#x}\"",
        limit.saturating_sub(1)
    )]
    InitrdLimit {
        /// Bytes looked for, whole pages.
        size: u64,
        /// The lowest start looked for.
        min: u64,
        /// The highest end looked for.
        limit: u64,
    },
}

impl ElfError {
    /// The error number with which the system call refuses the load, see
    /// [`PlanError::errno`](crate::PlanError::errno). The other errors are found by kexec-tools, which then
    /// makes no call.
    pub const fn errno(&self) -> Option<&'static str> {
        match self {
            Self::NoFileLoad => Some("ENOEXEC"),
            Self::Unaligned { .. }
            | Self::Outside { .. }
            | Self::Overlap { .. }
            | Self::InitrdLimit { .. } => None,
        }
    }
}
