//! Findings: what is wrong with what is loaded or would be.

use std::fmt;

/// One problem, what shows it, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which problem it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, on this machine.
    pub what: String,
    /// What shows it: ranges, numbers and lines from this machine, never general knowledge. Not empty.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know: it may be intended.
    Note,
    /// It will break something soon, or with the next unplug.
    Warning,
    /// A kexec or a dump goes wrong as things are.
    Error,
}

impl Severity {
    /// The word for people and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which finding. Each names the rule it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// `dump-header-stale`.
    ///
    /// x86 rebuilds the header at MEM_OFFLINE, while the resource is still there, and never after the removal
    /// (kernel/crash_core.c:crash_memhp_notifier, mm/memory_hotplug.c:try_remove_memory, 6.12). Kernels without
    /// CONFIG_CRASH_HOTPLUG never rebuild it.
    DumpHeaderStale,
    /// `kdump-onlines-dumped-memory`.
    ///
    /// Prevented by `acpi_no_memhotplug` (Documentation/admin-guide/kernel-parameters.txt,
    /// drivers/acpi/acpi_memhotplug.c:acpi_memory_hotplug_init, 6.12).
    KdumpOnlinesDumpedMemory,
    /// `next-kernel-map-overflow`.
    ///
    /// The zero page holds 128 entries (arch/x86/kernel/crash.c:add_e820_entry, whose return value is
    /// ignored, and arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, 6.12). kexec-tools appends the rest
    /// as SETUP_E820_EXT.
    NextKernelMapOverflow,
    /// `image-in-removed-memory`.
    ///
    /// Neither the unplug nor the jump checks (kernel/kexec_core.c:kernel_kexec, mm/memory_hotplug.c, 6.12).
    ImageInRemovedMemory,
    /// `image-in-removable-memory`.
    ///
    /// The rules' answer for [`Use::AfterUnplug`](rules::Use::AfterUnplug): kexec has to be armed again
    /// (linux-mm, D. Hildenbrand, 1 October 2021).
    ImageInRemovableMemory,
    /// `image-in-untold-memory`.
    ///
    /// The boot map is handed on, which does not contain hot-added memory
    /// (arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, 6.12).
    ImageInUntoldMemory,
    /// `dump-misses-memory`.
    ///
    /// On some architectures, kexec-tools takes only resources named exactly `System RAM`; and the header is
    /// rebuilt at MEM_ONLINE, which never comes for memory that stays offline
    /// (kernel/crash_core.c:crash_memhp_notifier, 6.12).
    DumpMissesMemory,
    /// `soft-reserved-not-carried`.
    ///
    /// Neither loader hands on what `memmap=` changed, only the firmware's own map
    /// (arch/x86/kernel/kexec-bzimage64.c:setup_e820_entries, 6.12).
    SoftReservedNotCarried,
    /// `crashkernel-too-small`.
    ///
    /// A crash kernel is placed in its reservation and nowhere else
    /// (kernel/kexec_file.c:kexec_walk_memblock and kexec_walk_resources, 6.12).
    CrashkernelTooSmall,
    /// `crashkernel-not-reserved`.
    ///
    /// kernel/crash_reserve.c:reserve_crashkernel_generic (6.12) prints why and boots on.
    CrashkernelNotReserved,
    /// `kdump-not-armed`.
    ///
    /// `/sys/kernel/kexec_crash_loaded` (kernel/ksysfs.c, 6.12); a panic then dumps nothing.
    KdumpNotArmed,
    /// `load-limit-spent`.
    ///
    /// `kexec_load_disabled` and `kexec_load_limit_*` only go down, and a load that fails counts, too
    /// (kernel/kexec_core.c:kexec_load_permitted, 6.12; Documentation/admin-guide/sysctl/kernel.rst).
    LoadLimitSpent,
    /// `image-over-interrupt-tables`.
    ///
    /// A GICv3 cannot be told to release its LPI tables; EFI machines reserve them
    /// (drivers/irqchip/irq-gic-v3-its.c:gic_reserve_range by efi_mem_reserve_persistent, 6.12), others do
    /// not.
    ImageOverInterruptTables,
    /// `image-in-misaligned-cma`.
    ///
    /// kexec_file_load asks the default contiguous area for the kernel's alignment, and the area aligns to
    /// CONFIG_CMA_ALIGNMENT at most, usually 1 MiB (kernel/kexec_file.c:kexec_alloc_contig, mm/cma.c:cma_alloc; a fault of
    /// 7.3.4, seen: the kernel moved up and overwrote its initial ramdisk).
    ImageInMisalignedCma,
    /// `map-lists-removed-memory`.
    ///
    /// The map is made at the load, and no unplug changes it. Seen in guests of Linux 6.12 and 7.3: told of a DIMM that was
    /// unplugged since, the next kernel puts page tables into it and dies.
    MapListsRemovedMemory,
}

impl Code {
    /// All codes, in the order in which they are reported.
    pub const ALL: [Self; 15] = [
        Self::DumpHeaderStale,
        Self::KdumpOnlinesDumpedMemory,
        Self::NextKernelMapOverflow,
        Self::ImageInRemovedMemory,
        Self::ImageInRemovableMemory,
        Self::ImageInUntoldMemory,
        Self::DumpMissesMemory,
        Self::SoftReservedNotCarried,
        Self::CrashkernelTooSmall,
        Self::CrashkernelNotReserved,
        Self::KdumpNotArmed,
        Self::LoadLimitSpent,
        Self::ImageOverInterruptTables,
        Self::ImageInMisalignedCma,
        Self::MapListsRemovedMemory,
    ];

    /// The word for people and JSON; stable across releases.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// What it means, as one sentence.
    pub const fn meaning(self) -> &'static str {
        self.words().1
    }

    #[rustfmt::skip]
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::DumpHeaderStale => ("dump-header-stale", "the crash header still lists memory that was unplugged"),
            Self::KdumpOnlinesDumpedMemory => ("kdump-onlines-dumped-memory", "the crash kernel adds the crashed kernel's DIMMs by ACPI and overwrites what it is to dump"),
            Self::NextKernelMapOverflow => ("next-kernel-map-overflow", "the next kernel's map has more entries than kexec_file_load hands over, and the rest is dropped"),
            Self::ImageInRemovedMemory => ("image-in-removed-memory", "the loaded image lies in memory that is no longer there, and a kexec jumps into nothing"),
            Self::ImageInRemovableMemory => ("image-in-removable-memory", "the image lies in memory that may be unplugged"),
            Self::ImageInUntoldMemory => ("image-in-untold-memory", "the image lies in memory that the next kernel is not told about"),
            Self::DumpMissesMemory => ("dump-misses-memory", "the dump does not hold memory that it should hold"),
            Self::SoftReservedNotCarried => ("soft-reserved-not-carried", "memory that the command line made Soft Reserved is ordinary RAM to the next kernel"),
            Self::CrashkernelTooSmall => ("crashkernel-too-small", "what is to be loaded does not fit the crash kernel's reservation"),
            Self::CrashkernelNotReserved => ("crashkernel-not-reserved", "crashkernel= asks for memory and none is reserved"),
            Self::KdumpNotArmed => ("kdump-not-armed", "memory is reserved for a crash kernel and none is loaded"),
            Self::LoadLimitSpent => ("load-limit-spent", "no image can be loaded any more until the next boot"),
            Self::ImageOverInterruptTables => ("image-over-interrupt-tables", "the image lies over tables that the interrupt controller keeps on writing to"),
            Self::ImageInMisalignedCma => ("image-in-misaligned-cma", "the kernel lies in a contiguous memory area below its alignment, and moves up over what lies behind it"),
            Self::MapListsRemovedMemory => ("map-lists-removed-memory", "the next kernel is told of memory that is no longer there, and dies when it uses it"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_word_and_a_sentence_of_its_own() {
        let words: std::collections::BTreeSet<_> = Code::ALL.into_iter().map(Code::words).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for (word, meaning) in words {
            assert!(word.bytes().all(|b| b == b'-' || b.is_ascii_lowercase()), "{word}");
            assert!(!meaning.ends_with('.') && meaning.len() > 20, "{meaning}");
        }
    }

    #[test]
    fn an_error_outranks_a_warning_and_a_warning_a_note() {
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Note);
    }
}
