//! What is to be loaded.

use evidence::Purpose;
use images::KernelImage;
use machine::releases::KexecTools;
use rules::Loader;

/// What is to be loaded, by which system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// When the kernel is to be started.
    pub purpose: Purpose,
    /// The system call, and with kexec_load the loader that chooses the places: kexec-tools.
    pub loader: Loader,
    /// The kernel.
    pub kernel: KernelImage<'a>,
    /// Bytes of its initial ramdisk, if it has one.
    pub initrd: Option<u64>,
    /// Its command line.
    pub command_line: &'a str,
    /// Whether to keep off memory that can be unplugged. A load for crashes has its own memory all the same, and
    /// kexec_file_load cannot be told where to place.
    pub avoid_removable: bool,
    /// The loader's purgatory; `None` for its default, [`purgatory`](crate::purgatory). A loader without one ignores
    /// it.
    pub purgatory: Option<Purgatory>,
    /// The version of kexec-tools, where that places.
    pub tools: KexecTools,
}

/// The code between the two kernels. With kexec_file_load it is a part of the running kernel, with kexec_load of
/// kexec-tools; no file of a machine shows its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purgatory {
    /// Bytes that are loaded.
    pub loaded: u64,
    /// Bytes with its bss.
    pub size: u64,
}

impl Purgatory {
    /// That of Linux 6.12 on x86_64.
    pub const LINUX_X86: Self = Self { loaded: 0x4000, size: 0x5000 };
    /// That of kexec-tools 2.0.25 on x86_64.
    pub const KEXEC_TOOLS_X86: Self = Self { loaded: 0x70e0, size: 0x9000 };
    /// That of kexec-tools 2.0.25 on arm64.
    pub const KEXEC_TOOLS_ARM64: Self = Self { loaded: 0x3558, size: 0x3558 };
}
