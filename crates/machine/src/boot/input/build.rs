//! Properties of a kernel build and its processors.

mod arm64;
mod config;

use crate::arch::Architecture;
pub use crate::boot::input::build::arm64::Arm64Build;
use crate::releases::{
    DISTRIBUTIONS_HAVE_CMA, LOG_EXECUTION_CONTEXT, LOW_64K_IS_NO_MEMORY, Target, is_known,
};
use evidence::Release;
use rules::MapHandedOn;

/// Properties of a kernel build or its processors that determine how much the kernel allocates at boot. [`Build::of`]
/// has the values of the kernels that were examined; a log of the same kernel corrects them.
#[derive(Clone, Debug, PartialEq, Eq)]
// Each is an option of the configuration of its own.
#[allow(clippy::struct_excessive_bools)]
pub struct Build {
    /// Bytes per page.
    pub page_size: u64,
    /// Pages in the page allocator's largest block (`MAX_ORDER_NR_PAGES`): movable memory starts at a multiple of it.
    pub largest_block_pages: u64,
    /// The number of nodes there is room for (`MAX_NUMNODES`).
    pub max_nodes: usize,
    /// Bytes of a node's `struct pglist_data`, rounded up to a cache line.
    pub node_data: u64,
    /// Bytes of the built-in log buffer (`CONFIG_LOG_BUF_SHIFT`).
    pub log_buffer: u64,
    /// Whether each record of the log says which task printed it (`CONFIG_PRINTK_EXECUTION_CTX`).
    pub logs_execution_context: bool,
    /// Whether there can be contiguous areas at all (`CONFIG_CMA`).
    pub has_cma_areas: bool,
    /// Whether those for DMA are built in (`CONFIG_DMA_CMA`).
    pub has_cma: bool,
    /// Bytes of the default CMA area (`CONFIG_CMA_SIZE_MBYTES`).
    pub cma: u64,
    /// Whether `cma=SIZE` means an area of that size on each node too (`CONFIG_CMA_SIZE_PERNUMA`).
    pub cma_on_each_node: bool,
    /// Whether kexec handover is built in (`CONFIG_KEXEC_HANDOVER`); `None` if the configuration is not known.
    pub has_kho: Option<bool>,
    /// Whether it is on without `kho=` (`CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT`).
    pub kho_by_default: bool,
    /// Whether nodes are built in (`CONFIG_NUMA`).
    pub has_numa: bool,
    /// Whether NUMA emulation (`numa=fake=`) is built in.
    pub numa_emulation: bool,
    /// Whether the processor supports 1 GiB pages (`pdpe1gb`).
    pub gib_pages: bool,
    /// Number of page table levels.
    pub page_table_levels: u8,
    /// Pages the image reserves for the first page tables (x86: `INIT_PGT_BUF_SIZE`).
    pub early_page_tables: u64,
    /// Bytes after the image's bss for the very first allocations (x86: the brk section).
    pub brk_area: u64,
    /// Bytes from address 0 on that the kernel takes out of the firmware's map (x86: `CONFIG_X86_RESERVE_LOW` of old
    /// releases, then one page).
    pub low_cut: u64,
    /// Bytes of the real-mode trampoline below 1 MiB (x86).
    pub trampoline: u64,
    /// arm64-specific properties.
    pub arm64: Arm64Build,
}

impl Build {
    /// Bytes per pageblock: a huge page, or the page allocator's largest block if that is smaller. CMA areas are
    /// multiples of it.
    pub const fn page_block(&self) -> u64 {
        let huge = self.page_size.saturating_mul(self.page_size / 8);
        let largest = self.page_size.saturating_mul(self.largest_block_pages);
        if huge < largest { huge } else { largest }
    }

    /// Sets the page size, and the matching largest block: 4, 32 or 512 MiB.
    pub(crate) const fn set_page_size(&mut self, page_size: u64) {
        self.page_size = page_size;
        self.largest_block_pages = match page_size >> 10 {
            16 => 1 << 11,
            64 => 1 << 13,
            _ => 1 << 10,
        };
    }

    /// The values of a distribution kernel of this release on a current processor: observed on Debian's 6.12.117 for
    /// x86_64, and on the same release built for arm64 with 4 KiB pages.
    pub fn of(release: &Release, architecture: Architecture) -> Self {
        let target = Target::new(architecture, release.clone());
        let knows = |name| is_known(name, &target);
        let common = Self {
            page_size: 4 << 10,
            largest_block_pages: 1 << 10,
            max_nodes: 1024,
            node_data: 0x2_a980,
            log_buffer: 128 << 10,
            logs_execution_context: knows(LOG_EXECUTION_CONTEXT),
            has_cma_areas: knows(DISTRIBUTIONS_HAVE_CMA),
            has_cma: knows(DISTRIBUTIONS_HAVE_CMA),
            cma: 0,
            cma_on_each_node: knows(DISTRIBUTIONS_HAVE_CMA),
            has_kho: None,
            kho_by_default: false,
            has_numa: true,
            numa_emulation: true,
            gib_pages: true,
            page_table_levels: 5,
            early_page_tables: 16,
            brk_area: 192 << 10,
            low_cut: if knows(LOW_64K_IS_NO_MEMORY) { 64 << 10 } else { 4 << 10 },
            trampoline: 28 << 10,
            arm64: Arm64Build::of(release),
        };
        match architecture.facts().map_handed_on {
            MapHandedOn::E820 => common,
            MapHandedOn::BootFirmware => Self::arm64(release, common),
        }
    }

    fn arm64(release: &Release, common: Self) -> Self {
        let text = release.to_string();
        // Distribution kernel names for larger pages: 6.12.9-arm64-16k, 6.12.0-1.el10.aarch64+64k.
        let page_size = if text.ends_with("16k") {
            16 << 10
        } else if text.ends_with("64k") {
            64 << 10
        } else {
            4 << 10
        };
        let mut build = Self {
            max_nodes: 16,
            node_data: if text.ends_with("-mblab") { 0x2e40 } else { 0x3740 },
            log_buffer: 1 << 20,
            has_cma_areas: true,
            has_cma: true,
            cma_on_each_node: false,
            logs_execution_context: false,
            cma: 64 << 20,
            has_numa: true,
            numa_emulation: false,
            page_table_levels: 4,
            early_page_tables: 0,
            brk_area: 0,
            low_cut: 0,
            trampoline: 0,
            ..common
        };
        build.set_page_size(page_size);
        build
    }
}
