//! The load to plan.

use evidence::Purpose;
use images::KernelImage;
use machine::Machine;
use machine::releases::KexecTools;
use rules::Loader;

/// What to load, and by which system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whether the kernel is started by a reboot or by a crash.
    pub purpose: Purpose,
    /// The system call. With kexec_load, [`caller`](Self::caller) chooses the places.
    pub loader: Loader,
    /// The kernel.
    pub kernel: KernelImage<'a>,
    /// Size of its initial ramdisk in bytes, if it has one.
    pub initrd: Option<u64>,
    /// Its command line.
    pub command_line: &'a str,
    /// Whether to avoid memory that can be unplugged; where physmem loads, the next kernel is not told about it either.
    /// This changes nothing for a crash load by kexec_load, which has its own memory; kexec_file_load cannot be told
    /// where to place segments.
    pub avoid_removable: bool,
    /// Whether kexec_file_load may place nothing in contiguous memory areas: KEXEC_FILE_NO_CMA (6.17), kexec-tools
    /// `--no-cma`.
    pub without_cma: bool,
    /// The loader's purgatory; `None` for its default, [`purgatory`](crate::purgatory). A loader without one ignores
    /// it.
    pub purgatory: Option<Purgatory>,
    /// The version of kexec-tools, for kexec_load; `None` for the one that the machine has, or, if that is unknown,
    /// [`KexecTools::CHECKED`].
    pub tools: Option<KexecTools>,
    /// Who calls kexec_load, and so chooses the places; kexec_file_load leaves them to the kernel.
    pub caller: Caller,
}

/// The program that calls kexec_load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Caller {
    /// kexec-tools.
    #[default]
    KexecTools,
    /// physmem.
    Physmem,
}

impl Caller {
    /// The word for options and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KexecTools => "kexec-tools",
            Self::Physmem => "physmem",
        }
    }
}

impl Request<'_> {
    /// Whether physmem itself places the segments.
    pub(crate) fn is_by_physmem(&self) -> bool {
        self.loader == Loader::KexecLoad && self.caller == Caller::Physmem
    }

    /// The version of kexec-tools, if it is given or the machine shows it.
    pub(crate) fn known_tools(&self, machine: &Machine) -> Option<KexecTools> {
        self.tools.or(machine.state.kexec_tools)
    }
}

/// The code that runs between the two kernels. It is part of the running kernel (kexec_file_load) or of
/// kexec-tools (kexec_load); no file on a machine shows its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purgatory {
    /// Bytes that are loaded.
    pub loaded: u64,
    /// Bytes including its bss.
    pub size: u64,
}

impl Purgatory {
    /// Linux 6.12 on x86_64.
    pub const LINUX_X86: Self = Self { loaded: 0x4000, size: 0x5000 };
    /// kexec-tools 2.0.25 on x86_64.
    pub const KEXEC_TOOLS_X86: Self = Self { loaded: 0x70e0, size: 0x9000 };
    /// kexec-tools 2.0.25 on arm64.
    pub const KEXEC_TOOLS_ARM64: Self = Self { loaded: 0x3558, size: 0x3558 };
}
