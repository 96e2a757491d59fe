//! The one table of differences between releases and architectures that affect how a boot uses memory.
//!
//! A row names a parameter, a form of its value, or a kernel behavior, and lists for each architecture the releases
//! that support it.

mod auto_crashkernel;
mod compared;
mod kexec_tools;
mod not_modelled;
mod old_crashkernel;

use evidence::Release;

use crate::arch::Architecture;

pub use auto_crashkernel::{AutoCrashkernel, auto_crashkernel};
pub use compared::{
    COMPARED, Compared, are_loads_compared, boots_compared, loads_compared, nearest_compared,
};
pub use kexec_tools::{KexecTools, NotAVersion};
pub use not_modelled::not_modelled;
pub use old_crashkernel::{searches_crashkernel_upwards, usual_image_end};

/// The release that predictions, plans and verdicts were checked against: major and minor version.
pub const CHECKED: (u32, u32) = (6, 12);
/// The same, as people write it.
pub const CHECKED_NAME: &str = "6.12";

/// Whether loads are counted against `/proc/sys/kernel/kexec_load_limit_panic` and `kexec_load_limit_reboot`: "kexec:
/// introduce sysctl parameters kexec_load_limit_*" (6.3; Documentation/admin-guide/sysctl/kernel.rst).
pub fn has_load_limits(release: &Release) -> bool {
    release.at_least(6, 3)
}

/// The release [`CHECKED`].
pub fn checked() -> Release {
    Release::new(CHECKED, CHECKED_NAME)
}

/// The kernel that boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its architecture.
    pub architecture: Architecture,
    /// Its release.
    pub release: Release,
}

impl Target {
    /// The kernel for this architecture and release.
    pub const fn new(architecture: Architecture, release: Release) -> Self {
        Self { architecture, release }
    }
}

/// The kernels that support a parameter, one form of its value, or a behavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The parameter with underscores, e.g. `reserve_mem`, or with a form of its value, e.g. `crashkernel=,cma`.
    pub name: &'static str,
    /// On 64-bit x86: the first release, and the first without it; `None` if never.
    pub x86_64: Option<Releases>,
    /// The same on 64-bit Arm.
    pub arm64: Option<Releases>,
    /// The document or kernel function that defines it.
    pub source: &'static str,
}

/// A half-open range of releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Releases {
    /// First release; `(0, 0)` if older than any release of interest.
    pub first: (u32, u32),
    /// First release without it; `None` if the newest still has it.
    pub gone: Option<(u32, u32)>,
}

impl Releases {
    fn contain(self, release: &Release) -> bool {
        let at_least = |(major, minor)| release.at_least(major, minor);
        at_least(self.first) && !self.gone.is_some_and(at_least)
    }
}

impl Since {
    /// The releases of one architecture.
    pub const fn on(&self, architecture: Architecture) -> Option<Releases> {
        match architecture {
            // With 32 bits, the parameters about memory and nodes are the same; what else there is, is not predicted.
            Architecture::X86_64 | Architecture::X86_32 => self.x86_64,
            Architecture::Arm64 => self.arm64,
            // Their boots are not predicted, and none of their parameters are read.
            Architecture::Riscv64 | Architecture::LoongArch64 => None,
        }
    }

    /// Whether this kernel supports it, if its configuration includes it.
    pub fn is_known(&self, target: &Target) -> bool {
        let is_backport =
            |(name, mark): &(&str, &str)| *name == self.name && target.release.to_string().contains(mark);
        self.on(target.architecture)
            .is_some_and(|releases| releases.contain(&target.release) || BACKPORTS.iter().any(is_backport))
    }

    /// Why this kernel does not support it; `None` if it does.
    pub(crate) fn why_unknown(&self, target: &Target) -> Option<String> {
        let releases = match self.on(target.architecture) {
            None => return Some(format!("no parameter of {}", target.architecture)),
            Some(releases) if releases.contain(&target.release) => return None,
            Some(releases) => releases,
        };
        let (what, (major, minor)) = match releases.gone {
            Some(gone) if target.release.at_least(gone.0, gone.1) => ("is gone since", gone),
            _ => ("is known since", releases.first),
        };
        Some(format!("it {what} Linux {major}.{minor}"))
    }
}

const ALWAYS: Option<Releases> = Some(from(0, 0));

const fn from(major: u32, minor: u32) -> Releases {
    Releases { first: (major, minor), gone: None }
}

const fn until(major: u32, minor: u32) -> Releases {
    Releases { first: (0, 0), gone: Some((major, minor)) }
}

const fn row(
    name: &'static str,
    x86_64: Option<Releases>,
    arm64: Option<Releases>,
    source: &'static str,
) -> Since {
    Since { name, x86_64, arm64, source }
}

/// `crashkernel=SIZE` may lie anywhere below 4 GiB; before, below 896 MiB.
pub const CRASHKERNEL_REACHES_4_GIB: &str = "crashkernel=SIZE reaches 4 GiB";
/// No zone ends above the last page of memory.
pub const ZONES_END_WITH_MEMORY: &str = "zones end with memory";
/// ACPI data above all memory counts for where memory ends, and with it the highest zone.
pub const ACPI_DATA_ENDS_MEMORY: &str = "ACPI data ends memory";
/// The first 64 KiB are no memory; later kernels take only the first page out of the map, and reserve the rest.
pub const LOW_64K_IS_NO_MEMORY: &str = "the first 64 KiB are no memory";
/// arm64's lowest zone is ZONE_DMA32, up to 4 GiB above the start of memory.
pub const LOWEST_ZONE_IS_DMA32: &str = "the lowest zone is ZONE_DMA32";
/// ZONE_DMA ends at 1 GiB whatever the firmware says, for the Raspberry Pi 4.
pub const DMA_ZONE_HAS_30_BITS: &str = "ZONE_DMA has 30 bits";
/// What distributions took over into older kernels: the row's name, and how the release's name shows the distribution.
/// RHEL 8's 4.18 was seen to reserve 256 MiB at 1712 MiB.
const BACKPORTS: [(&str, &str); 2] =
    [(CRASHKERNEL_REACHES_4_GIB, ".el8"), (CRASHKERNEL_FALLS_BACK_HIGH, ".el8")];

/// `crashkernel=SIZE` falls back to high memory if it does not fit into low memory.
pub const CRASHKERNEL_FALLS_BACK_HIGH: &str = "crashkernel=SIZE falls back to high memory";
/// `crashkernel=SIZE,high` falls back to low memory if it does not fit into high memory.
pub const CRASHKERNEL_FALLS_BACK_LOW: &str = "crashkernel=,high falls back to low memory";
/// The kernel's own allocations are marked RSRV_KERN, which separates them from firmware reservations.
pub const KERNEL_RESERVATIONS_ARE_MARKED: &str = "the kernel's own reservations are marked RSRV_KERN";
/// Each record of the log has its task and processor, unless the configuration says otherwise.
pub const LOG_EXECUTION_CONTEXT: &str = "records of the log say which task printed them";
/// Distributions' kernels have contiguous memory areas for DMA, unless the configuration says otherwise.
pub const DISTRIBUTIONS_HAVE_CMA: &str = "distributions build in CMA, on each node";
/// x86 places the crash kernel with code of its own: at a multiple of 1 MiB if the command line gives the address, and
/// with `crashkernel=,low` beside everything that ends up above 4 GiB.
pub const CRASHKERNEL_IS_X86S_OWN: &str = "x86 has its own code for the crash kernel";
/// Blocks of nodes reach from address 0, not from the start of memory, to the end of memory.
pub const NUMA_BLOCKS_START_AT_0: &str = "blocks of nodes start at address 0";
/// With `kernelcore=mirror`, Normal keeps its span, with the mirrored pages above the node's movable start.
pub const MIRROR_OVERLAPS_ZONES: &str = "kernelcore=mirror: Normal and Movable overlap";
/// A node without memory is not in its own fallback order; before, it comes first there.
pub const FALLBACK_SKIPS_EMPTY_NODES: &str = "the fallback order skips nodes without memory";
/// `kernelcore=mirror` does nothing if no memory is mirrored; before, all memory above 4 GiB is then movable.
pub const MIRROR_NEEDS_MIRRORED_MEMORY: &str = "kernelcore=mirror needs mirrored memory";
/// The default CMA area comes before those of nodes, and `numa_cma=` overrides `cma_pernuma=` on its node.
pub const DEFAULT_CMA_COMES_FIRST: &str = "the default CMA area comes before the nodes' areas";
/// The areas of `hugetlb_cma=` come after the crash kernel.
pub const HUGETLB_CMA_COMES_LAST: &str = "hugetlb_cma= comes after the crash kernel";
/// arm64 registers nodes with the same code as x86: blocks are cleaned up, and HOTPLUG is cleared node by node.
pub const NUMA_MEMBLKS_ARE_SHARED: &str = "arm64 registers nodes as x86 does";
/// The DMA limit is an address, not a number of address bits.
pub const DMA_ZONE_ENDS_ANYWHERE: &str = "ZONE_DMA ends at any address";
/// Reserved memory with fixed addresses is listed, and its drivers are called, after all memory is mapped.
pub const RESERVED_MEMORY_IS_LISTED_LATE: &str = "reserved memory is listed once memory is mapped";

/// `acpi=on`: use ACPI instead of the device tree.
pub const ACPI_ON: &str = "acpi=on";
/// `mem=` limits memblock, not the firmware's map.
pub const MEM_LIMITS_MEMBLOCK: &str = "mem= limits memblock";
/// `rodata=` also applies to aliases in the linear map.
pub const RODATA_COVERS_LINEAR_MAP: &str = "rodata= covers the linear map";
/// The kernel keeps the header of a loaded crash kernel up to date when memory is added or removed
/// Memory of several blocks may hold its own struct pages: `memmap_on_memory` of a whole DIMM.
pub const MEMMAP_OF_MANY_BLOCKS: &str = "memmap on memory of many blocks";
/// dax/kmem may choose the state of its blocks itself.
pub const KMEM_CHOOSES_ITS_STATE: &str = "dax/kmem chooses the state of its blocks";
/// (CONFIG_CRASH_HOTPLUG).
pub const CRASH_HEADER_IS_KEPT_CURRENT: &str = "the kernel keeps the crash header up to date";
/// kexec_file_load searches the resource tree from the top for a reboot; before, ranges upwards, each from its top.
pub const SEARCHES_FROM_THE_TOP: &str = "kexec_file_load searches from the top";
/// A search from the top may use a range's last page; before, it takes the last byte for the end, and aligns down.
pub const SEARCHES_THE_LAST_PAGE: &str = "kexec_file_load searches the last page";
/// The scratch areas of kexec handover are multiples of the page allocator's largest block; before, of a pageblock.
pub const SCRATCH_IS_OF_LARGEST_BLOCKS: &str = "scratch areas are of largest blocks";
/// The size of a scratch area does not count gigantic pages that are allocated at boot.
pub const HUGE_PAGES_NEED_NO_SCRATCH: &str = "huge pages need no scratch";
/// kexec_file_load tries to place segments in contiguous memory areas first.
pub const SEGMENTS_IN_CMA: &str = "kexec_file_load places in CMA";

/// The parameters that affect how a boot uses memory, the forms of their values that came or went, and kernel behavior
/// that changed.
#[rustfmt::skip]
pub const TABLE: &[Since] = &[
    row("mem", ALWAYS, ALWAYS, "arch/x86/kernel/e820.c:parse_memopt, arch/arm64/mm/init.c:early_mem (6.12)"),
    row("memmap", ALWAYS, None, "arch/x86/kernel/e820.c:parse_memmap_opt (6.12)"),
    row("crashkernel", ALWAYS, ALWAYS, "kernel/crash_reserve.c:parse_crashkernel (6.12)"),
    row("crashkernel=,high", ALWAYS, Some(from(6, 0)), "Documentation/arch/arm64/kdump.rst"),
    row("crashkernel=,cma", Some(from(6, 17)), Some(from(6, 17)), "kernel/crash_reserve.c:parse_crashkernel (6.17)"),
    row("crashkernel=,cma is reserved", Some(from(6, 17)), None, "x86: implement crashkernel cma reservation (6.17)"),
    // Before, x86 also looked for `,high` if the plain value was malformed or 0.
    row("crashkernel=,high only without a plain one", Some(from(6, 7)), ALWAYS, "kernel/crash_core.c:parse_crashkernel (6.7)"),
    row(CRASHKERNEL_REACHES_4_GIB, Some(from(5, 2)), ALWAYS, "x86/kdump: Have crashkernel=X reserve under 4G by default (5.2)"),
    // 3.19 got it as a stable update: a log of 3.19.5 shows it.
    row(ZONES_END_WITH_MEMORY, Some(from(3, 19)), None, "x86/mm: Fix zone ranges boot printout (4.0)"),
    // x86: x86/kdump: Fall back to reserve high crashkernel memory (5.2).
    row(CRASHKERNEL_FALLS_BACK_HIGH, Some(from(5, 2)), Some(from(6, 3)), "arm64: kdump: Support crashkernel=X fall back to reserve region above DMA zones (6.3)"),
    row(CRASHKERNEL_FALLS_BACK_LOW, ALWAYS, Some(from(6, 4)), "arm64: kdump: simplify the reservation behaviour of crashkernel=,high (6.4)"),
    row("elfcorehdr", ALWAYS, ALWAYS, "kernel/crash_dump.c:setup_elfcorehdr (6.12)"),
    row("kernelcore", ALWAYS, ALWAYS, "mm/mm_init.c:cmdline_parse_kernelcore (6.12)"),
    row("movablecore", ALWAYS, ALWAYS, "mm/mm_init.c:cmdline_parse_movablecore (6.12)"),
    row("movable_node", ALWAYS, ALWAYS, "mm/memory_hotplug.c:cmdline_parse_movable_node (6.12)"),
    row("numa", ALWAYS, ALWAYS, "arch/x86/mm/numa.c:numa_setup, drivers/base/arch_numa.c:numa_parse_early_param (6.12)"),
    row("numa=fake=", ALWAYS, Some(from(6, 12)), "drivers/base/arch_numa.c:numa_parse_early_param (6.12)"),
    row("memhp_default_state", ALWAYS, ALWAYS, "mm/memory_hotplug.c:setup_memhp_default_state (6.12)"),
    row("memory_hotplug.memmap_on_memory", Some(from(5, 13)), Some(from(5, 13)), "mm/memory_hotplug.c:set_memmap_mode (6.12)"),
    row("memory_hotplug.memmap_on_memory=force", Some(from(6, 6)), Some(from(6, 6)), "mm/memory_hotplug.c:set_memmap_mode (6.6)"),
    row("memory_hotplug.online_policy", Some(from(5, 15)), Some(from(5, 15)), "mm/memory_hotplug.c:set_online_policy (6.12)"),
    row("memory_hotplug.auto_movable_ratio", Some(from(5, 15)), Some(from(5, 15)), "mm/memory_hotplug.c (6.12)"),
    row("memory_hotplug.auto_movable_numa_aware", Some(from(5, 15)), Some(from(5, 15)), "mm/memory_hotplug.c (6.12)"),
    row("acpi_no_memhotplug", ALWAYS, ALWAYS, "drivers/acpi/acpi_memhotplug.c (6.12)"),
    row("reserve_mem", Some(from(6, 12)), Some(from(6, 12)), "mm/memblock.c:reserve_mem (6.12)"),
    row("kho", Some(from(6, 16)), Some(from(6, 16)), "kernel/kexec_handover.c:kho_parse_enable (6.16)"),
    row(SEGMENTS_IN_CMA, Some(from(6, 17)), Some(from(6, 17)), "kexec: enable CMA based contiguous allocation (6.17)"),
    row(SEARCHES_FROM_THE_TOP, Some(from(6, 8)), Some(from(6, 8)), "kexec_file: load kernel at top of system RAM if required (6.8)"),
    row(SEARCHES_THE_LAST_PAGE, Some(from(6, 8)), Some(from(6, 8)), "kexec_file: fix incorrect temp_start value in locate_mem_hole_top_down (6.8)"),
    row(SCRATCH_IS_OF_LARGEST_BLOCKS, Some(from(7, 3)), Some(from(7, 3)), "seen on 7.3.4 (x86); before, contiguous areas' alignment: kernel/kexec_handover.c (6.16)"),
    row(HUGE_PAGES_NEED_NO_SCRATCH, Some(from(7, 3)), Some(from(7, 3)), "kho: exclude hugetlb memory from scratch size calculation (7.3)"),
    row("kho_scratch", Some(from(6, 16)), Some(from(6, 16)), "kernel/kexec_handover.c:kho_parse_scratch_size (6.16)"),
    row("cma", ALWAYS, ALWAYS, "kernel/dma/contiguous.c:early_cma (6.12)"),
    row("cma_pernuma", Some(from(5, 10)), Some(from(5, 10)), "kernel/dma/contiguous.c:early_cma_pernuma (6.12)"),
    row("numa_cma", Some(from(6, 6)), Some(from(6, 6)), "kernel/dma/contiguous.c:early_numa_cma (6.12)"),
    row("hugetlb_cma", Some(from(5, 7)), Some(from(5, 7)), "mm/hugetlb.c:cmdline_parse_hugetlb_cma (6.12)"),
    row("hugepages", ALWAYS, ALWAYS, "mm/hugetlb.c:hugepages_setup (6.12)"),
    row("hugepagesz", ALWAYS, ALWAYS, "mm/hugetlb.c:hugepagesz_setup (6.12)"),
    row("default_hugepagesz", ALWAYS, ALWAYS, "mm/hugetlb.c:default_hugepagesz_setup (6.12)"),
    row("log_buf_len", ALWAYS, ALWAYS, "kernel/printk/printk.c:log_buf_len_setup (6.12)"),
    row("memblock", ALWAYS, ALWAYS, "mm/memblock.c:early_memblock (6.12)"),
    row("memtest", ALWAYS, ALWAYS, "mm/memtest.c:parse_memtest (6.12)"),
    row("mminit_loglevel", ALWAYS, ALWAYS, "mm/mm_init.c:set_mminit_loglevel (6.12)"),
    row("memory_corruption_check", ALWAYS, None, "arch/x86/kernel/check.c:set_corruption_check (6.12)"),
    row("memory_corruption_check_period", ALWAYS, None, "arch/x86/kernel/check.c:set_corruption_check_period (6.12)"),
    row("memory_corruption_check_size", ALWAYS, None, "arch/x86/kernel/check.c:set_corruption_check_size (6.12)"),
    row("reservelow", Some(until(5, 14)), None, "kernel-parameters.txt (5.13)"),
    // Only known to the 32-bit x86 kernel.
    row("reservetop", None, None, "kernel-parameters.txt: [X86-32,EARLY]"),
    row("vmalloc", None, None, "kernel-parameters.txt: ARM, x86-32 and others"),
    row("efi", ALWAYS, ALWAYS, "drivers/firmware/efi/efi.c:parse_efi_cmdline (6.12)"),
    row("efi_fake_mem", Some(until(6, 11)), None, "kernel-parameters.txt (6.10)"),
    row("add_efi_memmap", ALWAYS, None, "arch/x86/platform/efi/efi.c:setup_add_efi_memmap (6.12)"),
    row("noefi", ALWAYS, ALWAYS, "drivers/firmware/efi/efi.c:setup_noefi (6.12)"),
    row("acpi", ALWAYS, ALWAYS, "arch/x86/kernel/acpi/boot.c:parse_acpi, arch/arm64/kernel/acpi.c:parse_acpi (6.12)"),
    row("nokaslr", ALWAYS, ALWAYS, "kernel-parameters.txt"),
    row("initrd", ALWAYS, ALWAYS, "init/do_mounts_initrd.c:early_initrd (6.12)"),
    row("initrdmem", Some(from(5, 8)), Some(from(5, 8)), "init/do_mounts_initrd.c:early_initrdmem (6.12)"),
    row("swiotlb", ALWAYS, ALWAYS, "kernel/dma/swiotlb.c:setup_io_tlb_npages (6.12)"),
    row("nr_cpus", ALWAYS, ALWAYS, "kernel/smp.c:nrcpus (6.12)"),
    row("maxcpus", ALWAYS, ALWAYS, "kernel/smp.c:maxcpus (6.12)"),
    row("possible_cpus", ALWAYS, None, "kernel-parameters.txt: [SMP,S390,X86]"),
    row("gbpages", ALWAYS, None, "arch/x86/mm/init.c:parse_direct_gbpages_on (6.12)"),
    row("nogbpages", ALWAYS, None, "arch/x86/mm/init.c:parse_direct_gbpages_off (6.12)"),
    row("no5lvl", ALWAYS, None, "kernel-parameters.txt"),
    row("rodata", ALWAYS, ALWAYS, "init/main.c:set_debug_rodata (6.12)"),
    row("rodata=full", None, Some(until(6, 18)), "arch/arm64/include/asm/setup.h:arch_parse_debug_rodata (6.12)"),
    row("rodata=noalias", None, Some(from(6, 18)), "arch/arm64/include/asm/setup.h:arch_parse_debug_rodata (6.18)"),
    // Before, `on` left the built-in `full` unchanged.
    row("rodata=on unmaps no alias", None, Some(from(6, 7)), "arm64: mm: Fix \"rodata=on\" (6.7)"),
    row("debug_pagealloc", ALWAYS, ALWAYS, "mm/debug_page_alloc.c:early_debug_pagealloc (6.12)"),
    row("kfence.sample_interval", Some(from(5, 12)), Some(from(5, 12)), "mm/kfence/core.c:param_set_sample_interval (6.12)"),
    row(KERNEL_RESERVATIONS_ARE_MARKED, Some(from(6, 16)), Some(from(6, 16)), "mm/memblock.c:memblock_reserve_kern (6.16)"),
    row(LOG_EXECUTION_CONTEXT, Some(from(7, 0)), None, "CONFIG_PRINTK_EXECUTION_CTX: in Debian's 7.3, not in its 6.18; begun between 6.18 and 7.3"),
    row(DISTRIBUTIONS_HAVE_CMA, Some(from(7, 0)), None, "CONFIG_DMA_CMA, CONFIG_CMA_SIZE_PERNUMA: in Debian's 7.3, not in its 6.18; begun between 6.18 and 7.3"),
    row(CRASHKERNEL_IS_X86S_OWN, Some(until(6, 7)), None, "x86: kdump: use generic interface to simplify crashkernel reservation (6.7)"),
    row(NUMA_BLOCKS_START_AT_0, Some(until(6, 12)), None, "arch/x86/mm/numa.c:numa_cleanup_meminfo (6.1), mm/numa_memblks.c (6.12)"),
    row(MIRROR_OVERLAPS_ZONES, Some(until(7, 3)), Some(until(7, 3)), "mm/mm_init.c:zone_absent_pages_in_node (6.12, 7.3)"),
    row(FALLBACK_SKIPS_EMPTY_NODES, Some(from(6, 7)), Some(from(6, 7)), "mm: page_alloc: skip memoryless nodes entirely (6.7); seen on 6.1 without it"),
    row(MIRROR_NEEDS_MIRRORED_MEMORY, Some(from(6, 6)), Some(from(6, 6)), "mm: disable kernelcore=mirror when no mirror memory (6.6); seen on 6.1 without it"),
    row(DEFAULT_CMA_COMES_FIRST, Some(from(7, 0)), Some(from(7, 0)), "kernel/dma/contiguous.c:dma_contiguous_reserve (6.12, 7.3); begun between 6.18 and 7.3"),
    row(HUGETLB_CMA_COMES_LAST, Some(from(7, 0)), Some(from(7, 0)), "mm_core_init calls hugetlb_cma_reserve (patches of January 2026); begun between 6.18 and 7.3, seen on 7.3.4"),
    row(NUMA_MEMBLKS_ARE_SHARED, ALWAYS, Some(from(6, 12)), "mm/numa_memblks.c (6.12)"),
    row(DMA_ZONE_ENDS_ANYWHERE, None, Some(from(6, 12)), "dma-mapping: replace zone_dma_bits by zone_dma_limit (6.12)"),
    // Seen in logs of VirtualBox: 6.12.38 does, 6.1.106 and 4.4 do not. The first release is inferred.
    row(ACPI_DATA_ENDS_MEMORY, Some(from(6, 12)), None, "arch/x86/kernel/e820.c:e820__end_of_ram_pfn (6.12)"),
    // Seen in logs: 3.8 does, 3.10 does not. Most kernels called 2.6.x do, from 2.6.37 or by their distribution.
    row(LOW_64K_IS_NO_MEMORY, Some(until(3, 9)), None, "CONFIG_X86_RESERVE_LOW, and logs of 2.6.32 to 3.10"),
    // Seen in a log of 4.20, and not in one of 5.8; the first release is inferred from the title.
    row(LOWEST_ZONE_IS_DMA32, None, Some(Releases { first: (4, 16), gone: Some((5, 5)) }), "arm64: replace ZONE_DMA with ZONE_DMA32 (4.16)"),
    // Seen in a log of 5.8; the first release is inferred from the title. Until "arm64: mm: Set ZONE_DMA size based on
    // devicetree's dma-ranges" (5.11), which 5.10 got as a stable update: a log of 5.10.110 shows it.
    row(DMA_ZONE_HAS_30_BITS, None, Some(Releases { first: (5, 5), gone: Some((5, 10)) }), "arm64: use both ZONE_DMA and ZONE_DMA32 (5.5)"),
    row(RESERVED_MEMORY_IS_LISTED_LATE, None, Some(from(6, 12)), "drivers/of/of_reserved_mem.c:fdt_scan_reserved_mem_reg_nodes (6.12)"),
    row(ACPI_ON, None, ALWAYS, "arch/arm64/kernel/acpi.c:parse_acpi (6.12)"),
    row("acpi=noirq", ALWAYS, None, "arch/x86/kernel/acpi/boot.c:parse_acpi (6.12)"),
    row("acpi=strict", ALWAYS, None, "arch/x86/kernel/acpi/boot.c:parse_acpi (6.12)"),
    row("acpi=rsdt", ALWAYS, None, "arch/x86/kernel/acpi/boot.c:parse_acpi (6.12)"),
    row("acpi=copy_dsdt", ALWAYS, None, "arch/x86/kernel/acpi/boot.c:parse_acpi (6.12)"),
    row("acpi=nocmcff", ALWAYS, None, "arch/x86/kernel/acpi/boot.c:parse_acpi (6.12)"),
    row("acpi=nospcr", ALWAYS, ALWAYS, "arch/x86/kernel/acpi/boot.c:parse_acpi, arch/arm64/kernel/acpi.c:parse_acpi (6.12)"),
    row("numa=noacpi", ALWAYS, None, "arch/x86/mm/numa.c:numa_setup (6.12)"),
    row("numa=nohmat", ALWAYS, None, "arch/x86/mm/numa.c:numa_setup (6.12)"),
    row(MEM_LIMITS_MEMBLOCK, None, ALWAYS, "arch/arm64/mm/init.c:early_mem (6.12)"),
    row(RODATA_COVERS_LINEAR_MAP, None, ALWAYS, "arch/arm64/include/asm/setup.h:arch_parse_debug_rodata (6.12)"),
    row(MEMMAP_OF_MANY_BLOCKS, Some(from(6, 8)), Some(from(6, 8)), "mm/memory_hotplug.c:create_altmaps_and_memory_blocks (6.8)"),
    row(KMEM_CHOOSES_ITS_STATE, Some(from(7, 0)), Some(from(7, 0)), "dax/kmem passes an online type of its own (patches of 2026)"),
    row(CRASH_HEADER_IS_KEPT_CURRENT, Some(from(6, 5)), None, "kernel/crash_core.c:crash_handle_hotplug_event (6.12)"),
    row("kstrtobool=true", Some(from(5, 19)), Some(from(5, 19)), "lib/kstrtox.c:kstrtobool (5.19)"),
    row("kstrtobool=enable", Some(from(6, 14)), Some(from(6, 14)), "lib/kstrtox.c:kstrtobool (6.14)"),
];

/// The row with this name; dashes and underscores are equivalent.
pub fn find(name: &str) -> Option<&'static Since> {
    TABLE.iter().find(|row| crate::command_line::values::grammar::is_same_name(row.name, name))
}

/// Whether a kernel supports what a row names; false if there is no such row.
pub fn is_known(name: &str, target: &Target) -> bool {
    find(name).is_some_and(|row| row.is_known(target))
}

/// The first release of this architecture that supports what a row names, as people write it.
pub(crate) fn first_release(name: &str, target: &Target) -> String {
    let releases = find(name).and_then(|row| row.on(target.architecture));
    releases.map_or_else(String::new, |Releases { first: (major, minor), .. }| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(architecture: Architecture, release: &str) -> Target {
        Target::new(architecture, release.parse().unwrap())
    }

    #[test]
    fn each_name_occurs_once() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(TABLE[index + 1..].iter().all(|other| other.name != row.name), "{}", row.name);
        }
    }

    #[test]
    fn loads_of_four_releases_were_compared_on_x86_and_of_one_on_arm64() {
        let is = |architecture, release| are_loads_compared(&target(architecture, release));
        assert!(is(Architecture::X86_64, "7.3.4+deb13-amd64") && is(Architecture::X86_64, "6.1.0-57-amd64"));
        assert!(!is(Architecture::X86_64, "6.17.1") && !is(Architecture::Arm64, "7.3.4"));
        assert_eq!(loads_compared(Architecture::X86_64), ["6.1", "6.12", "6.18", "7.3"]);
        assert_eq!(loads_compared(Architecture::Arm64), ["6.12"]);
    }

    #[test]
    fn a_kernel_is_held_against_the_nearest_release_that_was_compared() {
        let nearest = |architecture, release| nearest_compared(&target(architecture, release)).to_string();
        let x86 = |release| nearest(Architecture::X86_64, release);
        assert_eq!(
            ["5.10.9", "6.5.1", "6.17.0", "7.0.1", "7.4.0"].map(x86),
            ["6.1", "6.1", "6.12", "6.18", "7.3"]
        );
        assert_eq!(nearest(Architecture::Arm64, "7.3.4"), "6.12");
        assert!(boots_compared(&target(Architecture::X86_64, "6.18.15+deb13-amd64")).is_some());
        assert!(boots_compared(&target(Architecture::Arm64, "6.18.15")).is_none());
    }

    #[test]
    fn a_row_says_why_a_kernel_does_not_support_it() {
        let why =
            |name, architecture, release| find(name).unwrap().why_unknown(&target(architecture, release));
        assert_eq!(why("kho", Architecture::X86_64, "6.12").unwrap(), "it is known since Linux 6.16");
        assert_eq!(why("efi_fake_mem", Architecture::X86_64, "6.12").unwrap(), "it is gone since Linux 6.11");
        assert_eq!(why("memmap", Architecture::Arm64, "6.12").unwrap(), "no parameter of aarch64");
        assert_eq!(why("reserve-mem", Architecture::Arm64, "6.12"), None);
    }
}
