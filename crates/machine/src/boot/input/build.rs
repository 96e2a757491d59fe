//! What is fixed when a kernel is built, and what its processors can do.

mod arm64;
mod config;

use crate::arch::Architecture;
pub use crate::boot::input::build::arm64::Arm64Build;
use evidence::Release;
use rules::MapHandedOn;

/// What is fixed when a kernel is built, or is a property of its processors, and decides how much it
/// allocates while it boots. [`Build::of`] has those of the kernels that were looked at; a log of the same
/// kernel corrects them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Bytes in a page.
    pub page_size: u64,
    /// Pages of the largest block of the page allocator (`MAX_ORDER_NR_PAGES`): movable memory begins at a
    /// multiple.
    pub largest_block_pages: u64,
    /// As many nodes as there is room for (`MAX_NUMNODES`).
    pub max_nodes: usize,
    /// Bytes of a node's `struct pglist_data`, rounded up to a cache line.
    pub node_data: u64,
    /// Bytes of the log buffer that is built in (`CONFIG_LOG_BUF_SHIFT`).
    pub log_buffer: u64,
    /// Whether CMA is built in (`CONFIG_DMA_CMA`).
    pub has_cma: bool,
    /// Bytes of the default CMA area (`CONFIG_CMA_SIZE_MBYTES`).
    pub cma: u64,
    /// Whether NUMA emulation (`numa=fake=`) is built in.
    pub numa_emulation: bool,
    /// Whether the processor has 1 GiB pages (`pdpe1gb`).
    pub gib_pages: bool,
    /// Levels of the page tables.
    pub page_table_levels: u8,
    /// Pages that the image sets aside for the first page tables (x86: `INIT_PGT_BUF_SIZE`).
    pub early_page_tables: u64,
    /// Bytes behind the image's bss for allocations of the very first moments (x86: the brk section).
    pub brk_area: u64,
    /// Bytes of the real-mode trampoline below 1 MiB (x86).
    pub trampoline: u64,
    /// What only arm64 has.
    pub arm64: Arm64Build,
}

impl Build {
    /// Bytes of a block of pages with the same mobility: a huge page, or the page allocator's largest block
    /// where that is smaller. CMA areas are multiples of it.
    pub const fn page_block(&self) -> u64 {
        let huge = self.page_size.saturating_mul(self.page_size / 8);
        let largest = self.page_size.saturating_mul(self.largest_block_pages);
        if huge < largest { huge } else { largest }
    }

    /// Sets the size of pages, and the largest block that goes with it: 4, 32 or 512 MiB.
    pub(crate) const fn set_page_size(&mut self, page_size: u64) {
        self.page_size = page_size;
        self.largest_block_pages = match page_size >> 10 {
            16 => 1 << 11,
            64 => 1 << 13,
            _ => 1 << 10,
        };
    }

    /// What a distribution's kernel of this release has, on a processor of today: seen on Debian's 6.12.117
    /// for x86_64, and on the same release built for arm64 with 4 KiB pages.
    pub fn of(release: &Release, architecture: Architecture) -> Self {
        let common = Self {
            page_size: 4 << 10,
            largest_block_pages: 1 << 10,
            max_nodes: 1024,
            node_data: 0x2_a980,
            log_buffer: 128 << 10,
            has_cma: false,
            cma: 0,
            numa_emulation: true,
            gib_pages: true,
            page_table_levels: 5,
            early_page_tables: 16,
            brk_area: 192 << 10,
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
        // Distributions name kernels with larger pages so: 6.12.9-arm64-16k, 6.12.0-1.el10.aarch64+64k.
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
            has_cma: true,
            cma: 64 << 20,
            numa_emulation: false,
            page_table_levels: 4,
            early_page_tables: 0,
            brk_area: 0,
            trampoline: 0,
            ..common
        };
        build.set_page_size(page_size);
        build
    }
}
