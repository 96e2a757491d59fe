//! What differs between architectures: one row of facts each.
//!
//! Code for all architectures asks for a fact, never for a name. A new architecture needs a row here, a column in
//! [`releases`](crate::releases), and a port for each loader (`kexec::port`); to predict its boot, it also needs a
//! module in [`boot`](crate::boot).

use std::fmt;

use rules::{KernelFacts, MapHandedOn, Walk};

/// A supported architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    X86_32,
    /// 64-bit Arm.
    Arm64,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit LoongArch.
    LoongArch64,
}

/// The properties of an architecture's kernels and its kexec-tools port, unless the machine shows otherwise.
// Independent facts.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub struct ArchFacts {
    /// The output of `uname -m`; the first word is the usual one.
    pub uname: &'static [&'static str],
    /// Whether its boots can be predicted.
    pub boots: bool,
    /// Whether they are predicted up to zones and crash kernel; otherwise only memory and its nodes are.
    pub boots_to_zones: bool,
    /// How the next kernel learns what memory it has.
    pub map_handed_on: MapHandedOn,
    /// How kexec_file_load searches for memory: in memblock if the architecture selects CONFIG_ARCH_KEEP_MEMBLOCK,
    /// assuming a distribution configuration.
    pub walk: Walk,
    /// Page sizes in bytes, each with the configuration options that select it; the first is the default.
    pub page_sizes: &'static [PageSizeOption],
    /// Whether its kexec-tools port dumps only resources named exactly `System RAM`, rather than every name that
    /// contains it (kexec-tools 2.0.32: kexec/arch/*/crashdump-*.c).
    pub kexec_tools_wants_exact_name: bool,
    /// Whether the kernel refuses to offline boot memory (arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier, 6.12).
    pub boot_memory_stays: bool,
    /// Whether the first MiB is permanently reserved, and kexec_file_load leaves it out of the dump
    /// (arch/x86/kernel/crash.c:elf_header_exclude_ranges, 6.12).
    pub first_mib_is_reserved: bool,
    /// The default low memory reservation that accompanies a high crash kernel.
    pub crash_low: CrashLow,
    /// Whether `movable_node` makes early allocations go bottom-up, to stay near the kernel
    /// (arch/x86/kernel/setup.c:setup_arch, 6.12).
    pub movable_node_allocates_bottom_up: bool,
    /// How large memory blocks are.
    pub memory_blocks: BlockSizeRule,
    /// How many bits physical addresses have at most: with few page table levels, and with one more.
    pub physical_bits: [u8; 2],
    /// Whether "low" for crash kernels ends with the lowest zone rather than at 4 GiB.
    pub low_ends_with_first_zone: bool,
}

impl ArchFacts {
    /// The first byte that hot-added memory may not reach: the end of the physical addresses that this many page table
    /// levels map; the larger one if that is not known.
    /// Source: mm/memory_hotplug.c:mhp_get_pluggable_range, MAX_PHYSMEM_BITS of each architecture (6.12).
    pub fn hot_add_limit(&self, page_table_levels: Option<u8>) -> u64 {
        let [few, many] = self.physical_bits;
        let bits = if page_table_levels.is_some_and(|levels| levels < 5) { few } else { many };
        1_u64.checked_shl(u32::from(bits)).unwrap_or(u64::MAX)
    }
}

/// A page size, and the configuration options that select it, without `CONFIG_`.
#[derive(Debug)]
pub struct PageSizeOption {
    /// Bytes.
    pub bytes: u64,
    /// Options; any one of them selects this size.
    pub options: &'static [&'static str],
}

/// How a kernel chooses the size of its memory blocks, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSizeRule {
    /// The size of a section, which is the smallest block, by page size.
    pub section: &'static [(u64, u64)],
    /// From this much memory on blocks are larger; `None` if they never are.
    pub large_from: Option<u64>,
    /// The largest block.
    pub largest: u64,
}

impl BlockSizeRule {
    /// The size of a memory block on a machine whose memory ends at `end`, half-open.
    ///
    /// On x86 a machine with less than 64 GiB has blocks of 128 MiB; a larger one has 2 GiB on bare metal, and as a
    /// virtual machine the largest size up to that which the end of its memory is a multiple of. All others have blocks
    /// of one section.
    /// Source: arch/x86/mm/init_64.c:probe_memory_block_size (6.12).
    ///
    /// ```
    /// use machine::Architecture;
    ///
    /// let x86 = Architecture::X86_64.facts().memory_blocks;
    /// assert_eq!(x86.size(4096, 32 << 30, true), 128 << 20);
    /// assert_eq!(x86.size(4096, 512 << 30, false), 2 << 30);
    /// assert_eq!(x86.size(4096, (512 << 30) + (256 << 20), true), 256 << 20);
    /// assert_eq!(Architecture::Arm64.facts().memory_blocks.size(65536, 512 << 30, false), 512 << 20);
    /// ```
    pub fn size(&self, page: u64, end: u64, is_virtual: bool) -> u64 {
        let of_page = self.section.iter().find(|(of, _)| *of == page).or(self.section.first());
        let section = of_page.map_or(SECTION, |(_, section)| *section);
        match self.large_from {
            Some(from) if end >= from && !is_virtual => self.largest,
            Some(from) if end >= from => {
                let mut size = self.largest;
                while size > section && !end.is_multiple_of(size) {
                    size /= 2;
                }
                size
            }
            _ => section,
        }
    }
}

/// A section on most architectures.
const SECTION: u64 = 128 << 20;

/// How much low memory accompanies a high crash kernel, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashLow {
    /// The minimum.
    pub least: u64,
    /// This much on top of the swiotlb buffers; `None` if those do not count.
    pub beside_swiotlb: Option<u64>,
}

const MIB: u64 = 1 << 20;

const fn page(kib: u64, options: &'static [&'static str]) -> PageSizeOption {
    PageSizeOption { bytes: kib << 10, options }
}

const PAGE_4K: &[PageSizeOption] = &[page(4, &[])];
const PAGE_4K_16K_64K: &[PageSizeOption] = &[
    page(4, &["PAGE_SIZE_4KB", "ARM64_4K_PAGES"]),
    page(16, &["PAGE_SIZE_16KB", "ARM64_16K_PAGES"]),
    page(64, &["PAGE_SIZE_64KB", "ARM64_64K_PAGES"]),
];

const X86_64: ArchFacts = ArchFacts {
    uname: &["x86_64"],
    boots: true,
    boots_to_zones: true,
    map_handed_on: MapHandedOn::E820,
    walk: Walk::Resources,
    page_sizes: PAGE_4K,
    kexec_tools_wants_exact_name: false,
    boot_memory_stays: false,
    first_mib_is_reserved: true,
    crash_low: CrashLow { least: 256 * MIB, beside_swiotlb: Some(8 * MIB) },
    movable_node_allocates_bottom_up: true,
    memory_blocks: BlockSizeRule {
        section: &[(4 << 10, SECTION)],
        large_from: Some(64 << 30),
        largest: 2 << 30,
    },
    physical_bits: [46, 52],
    low_ends_with_first_zone: false,
};
const X86_32: ArchFacts = ArchFacts {
    uname: &["i686", "i386", "i486", "i586"],
    boots_to_zones: false,
    physical_bits: [36, 36],
    ..X86_64
};
const ARM64: ArchFacts = ArchFacts {
    uname: &["aarch64"],
    boots: true,
    boots_to_zones: true,
    map_handed_on: MapHandedOn::BootFirmware,
    walk: Walk::Memblock,
    page_sizes: PAGE_4K_16K_64K,
    kexec_tools_wants_exact_name: true,
    boot_memory_stays: true,
    first_mib_is_reserved: false,
    crash_low: CrashLow { least: 128 * MIB, beside_swiotlb: None },
    movable_node_allocates_bottom_up: false,
    memory_blocks: BlockSizeRule {
        section: &[(4 << 10, SECTION), (16 << 10, SECTION), (64 << 10, 512 << 20)],
        large_from: None,
        largest: 512 << 20,
    },
    physical_bits: [48, 52],
    low_ends_with_first_zone: true,
};
const RISCV64: ArchFacts = ArchFacts {
    uname: &["riscv64"],
    boots: false,
    boots_to_zones: false,
    page_sizes: PAGE_4K,
    boot_memory_stays: false,
    ..ARM64
};
const LOONGARCH64: ArchFacts = ArchFacts {
    uname: &["loongarch64"],
    boots: false,
    boots_to_zones: false,
    boot_memory_stays: false,
    ..ARM64
};

impl Architecture {
    /// All supported architectures.
    pub const ALL: [Self; 5] = [Self::X86_64, Self::X86_32, Self::Arm64, Self::Riscv64, Self::LoongArch64];

    /// The architecture's row of facts.
    pub const fn facts(self) -> &'static ArchFacts {
        match self {
            Self::X86_64 => &X86_64,
            Self::X86_32 => &X86_32,
            Self::Arm64 => &ARM64,
            Self::Riscv64 => &RISCV64,
            Self::LoongArch64 => &LOONGARCH64,
        }
    }

    /// A name as `uname -m` prints it, for a message: quoted, and called 32-bit if it is.
    ///
    /// ```
    /// use machine::Architecture;
    /// assert_eq!(Architecture::described("i686"), "`i686` (32-bit)");
    /// assert_eq!(Architecture::described("s390x"), "`s390x`");
    /// ```
    pub fn described(word: &str) -> String {
        let narrow = ["arm", "ppc", "mips", "riscv32", "parisc", "sparc", "sh4", "m68k"];
        let is_narrow = X86_32.uname.contains(&word)
            || narrow.iter().any(|start| word.starts_with(start)) && !word.contains("64");
        if is_narrow { format!("`{word}` (32-bit)") } else { format!("`{word}`") }
    }

    /// Parses the output of `uname -m`; `None` for an unsupported architecture.
    ///
    /// ```
    /// use machine::Architecture;
    /// assert_eq!(Architecture::from_uname("aarch64"), Some(Architecture::Arm64));
    /// assert_eq!(Architecture::from_uname("s390x"), None);
    /// ```
    pub fn from_uname(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.facts().uname.contains(&word))
    }

    /// The architecture whose firmware provides this kind of map, for when nothing names the architecture. Among the
    /// architectures whose boots are predicted to the end, each map kind occurs once.
    pub fn from_map(map: MapHandedOn) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| {
            let facts = architecture.facts();
            facts.boots_to_zones && facts.map_handed_on == map
        })
    }

    /// The architecture of the 32-bit kernel that runs on the same machines and gets the same map.
    pub fn narrow(self) -> Option<Self> {
        (self == Self::X86_64).then_some(Self::X86_32)
    }

    /// The kernel facts the rules need, for a typical distribution kernel.
    pub const fn usual_kernel(self) -> KernelFacts {
        let facts = self.facts();
        KernelFacts {
            movable_node: false,
            walk: facts.walk,
            hotplug_flag_survives_boot: false,
            map_handed_on: facts.map_handed_on,
            kexec_tools_wants_exact_name: facts.kexec_tools_wants_exact_name,
            dump_skips_first_mib: facts.first_mib_is_reserved,
            boot_memory_stays: facts.boot_memory_stays,
            lacks_kexec_load: false,
            lacks_kexec_file_load: false,
            lacks_hot_remove: false,
        }
    }
}

/// As printed by `uname -m`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().uname.first().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_uname_word_names_one_architecture() {
        for architecture in Architecture::ALL {
            for word in architecture.facts().uname {
                assert_eq!(Architecture::from_uname(word), Some(architecture), "{word}");
            }
        }
    }

    #[test]
    fn the_firmware_map_identifies_an_architecture_with_predicted_boots() {
        assert_eq!(Architecture::from_map(MapHandedOn::E820), Some(Architecture::X86_64));
        assert_eq!(Architecture::from_map(MapHandedOn::BootFirmware), Some(Architecture::Arm64));
    }

    #[test]
    fn the_default_kernel_facts_are_those_of_x86() {
        assert_eq!(Architecture::X86_64.usual_kernel(), KernelFacts::default());
    }
}
