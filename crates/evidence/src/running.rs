//! What a running kernel hands on to the next one when a program calls kexec_load: addresses in it that no plan needs,
//! and that hold only for this boot.

use memblock::PhysRange;

/// What the running kernel hands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The running kernel's own boot parameters (x86), `/sys/kernel/boot_params/data`: the screen's mode is handed on.
    pub zero_page: Option<Vec<u8>>,
    /// Where ACPI's root pointer lies, if the boot parameters do not say: after an EFI boot.
    pub acpi_rsdp: Option<u64>,
    /// Random bytes for the next kernel. Never to be used twice.
    pub seed: [u8; 32],
    /// What the header of a dump needs; `None` if it is not for a crash kernel.
    pub crash: Option<RunningCrash>,
}

/// What the header of a dump says about the kernel that crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningCrash {
    /// Where each CPU leaves its registers: `/sys/devices/system/cpu/cpuN/crash_notes` and `crash_notes_size`, by the
    /// number of the CPU.
    pub cpu_notes: Vec<PhysRange>,
    /// The kernel's own note, `/sys/kernel/vmcoreinfo`.
    pub vmcoreinfo: PhysRange,
    /// What is added to a physical address to get where the kernel maps all memory.
    pub page_offset: u64,
    /// The kernel's text, which is mapped a second time; `None` if nothing shows it.
    pub text: Option<KernelText>,
}

/// Where the kernel's text lies, and where it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelText {
    /// Physical addresses.
    pub memory: PhysRange,
    /// The virtual address of the first byte.
    pub virtual_address: u64,
}
