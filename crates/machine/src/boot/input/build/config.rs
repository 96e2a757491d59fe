//! Build properties from the kernel configuration.

use evidence::Configuration;

use crate::arch::Architecture;
use crate::boot::input::build::Build;

impl Build {
    /// Applies the kernel's configuration (`/proc/config.gz`, `/boot/config-RELEASE`). O(bytes).
    pub(crate) fn correct(&mut self, architecture: Architecture, config: &Configuration) {
        if architecture == Architecture::Arm64 {
            self.correct_arm64(config);
        }
        if let Some(order) = config.number("ARCH_FORCE_MAX_ORDER").filter(|order| *order < 32) {
            self.largest_block_pages = 1 << order;
        }
        if let Some(shift) = config.number("LOG_BUF_SHIFT").filter(|shift| *shift < 32) {
            self.log_buffer = 1 << shift;
        }
        if let Some(shift) = config.number("NODES_SHIFT").filter(|shift| *shift <= 10) {
            self.max_nodes = 1 << shift;
        }
        self.has_numa = !config.is_off("NUMA");
        self.logs_execution_context = config.has("PRINTK_EXECUTION_CTX");
        self.has_kho = Some(config.has("KEXEC_HANDOVER"));
        self.kho_by_default = config.has("KEXEC_HANDOVER_ENABLE_DEFAULT");
        self.has_cma_areas = config.has("CMA");
        self.has_cma = config.has("DMA_CMA");
        self.cma_on_each_node = config.has("CMA_SIZE_PERNUMA");
        let mebibytes = config.number("CMA_SIZE_MBYTES").filter(|_| self.has_cma);
        self.cma = mebibytes.unwrap_or(0).saturating_mul(1 << 20);
    }

    fn correct_arm64(&mut self, config: &Configuration) {
        for (name, page_size) in [("ARM64_4K_PAGES", 4), ("ARM64_16K_PAGES", 16), ("ARM64_64K_PAGES", 64)] {
            if config.has(name) {
                self.set_page_size(page_size << 10);
            }
        }
        // 52 bits apply only to processors that support them, which the log shows.
        let bits =
            |name| config.number(name).and_then(|bits| u32::try_from(bits).ok()).map(|bits| bits.min(48));
        let arm64 = &mut self.arm64;
        arm64.virtual_bits = bits("ARM64_VA_BITS").unwrap_or(arm64.virtual_bits);
        arm64.physical_bits = bits("ARM64_PA_BITS").unwrap_or(arm64.physical_bits);
        arm64.rodata_full = config.has("RODATA_FULL_DEFAULT_ENABLED");
        arm64.has_kfence = config.has("KFENCE");
        arm64.kfence_is_on = config.number("KFENCE_SAMPLE_INTERVAL").is_some_and(|interval| interval > 0);
        arm64.mem_section = if config.has("PAGE_EXTENSION") { 32 } else { 16 };
        let processors = config.number("NR_CPUS").filter(|_| config.has("CPUMASK_OFFSTACK"));
        arm64.cpu_mask = processors.map_or(0, |count| count.div_ceil(64).saturating_mul(8));
    }
}

#[cfg(test)]
mod tests {
    use crate::arch::Architecture;
    use evidence::Configuration;

    use crate::boot::Build;

    fn corrected(config: &str) -> Build {
        let mut build = Build::of(&crate::releases::checked(), Architecture::Arm64);
        build.correct(Architecture::Arm64, &Configuration::parse(config));
        build
    }

    #[test]
    fn the_configuration_of_a_small_kernel_is_applied() {
        let build = corrected(
            "CONFIG_ARM64_64K_PAGES=y\nCONFIG_NR_CPUS=8\nCONFIG_DMA_CMA=y\nCONFIG_CMA_SIZE_MBYTES=32\n# CONFIG_KFENCE is not set\nCONFIG_ARM64_VA_BITS=52\n",
        );
        assert_eq!((build.page_size, build.cma, build.arm64.cpu_mask), (64 << 10, 32 << 20, 0));
        assert_eq!((build.arm64.has_kfence, build.arm64.virtual_bits), (false, 48));
        assert_eq!(build.page_block(), 512 << 20);
    }

    #[test]
    fn separately_allocated_masks_grow_with_the_processors() {
        let build = corrected("CONFIG_NR_CPUS=300\nCONFIG_CPUMASK_OFFSTACK=y\n");
        assert_eq!(build.arm64.cpu_mask, 40);
    }

    #[test]
    fn malformed_numbers_change_nothing() {
        let before = Build::of(&crate::releases::checked(), Architecture::Arm64);
        let build =
            corrected("CONFIG_ARCH_FORCE_MAX_ORDER=99\nCONFIG_LOG_BUF_SHIFT=x\nCONFIG_ARM64_PA_BITS=\n");
        assert_eq!(build.largest_block_pages, before.largest_block_pages);
        assert_eq!((build.log_buffer, build.arm64.physical_bits), (before.log_buffer, 48));
    }
}
