//! Properties of an arm64 kernel build.

use evidence::Release;

/// Properties of an arm64 kernel build that affect its memory. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm64Build {
    /// Physical address bits (`CONFIG_ARM64_PA_BITS`).
    pub physical_bits: u32,
    /// Virtual address bits: `CONFIG_ARM64_VA_BITS`, or 48 if that is 52 and the processor supports only 48.
    pub virtual_bits: u32,
    /// Whether KFENCE is built in. If it is off at boot, it may be turned on later, which requires a linear map of
    /// individual pages; if it is on, it takes a pool before the map is created.
    pub has_kfence: bool,
    /// Whether KFENCE is on by default (`CONFIG_KFENCE_SAMPLE_INTERVAL`).
    pub kfence_is_on: bool,
    /// Whether `rodata=full`, which also maps individual pages, is the default.
    pub rodata_full: bool,
    /// `struct mem_section`: 32 with page extensions.
    pub mem_section: u64,
    /// `struct page`.
    pub page_struct: u64,
    /// `struct device_node`.
    pub device_node: u64,
    /// `struct property`.
    pub property: u64,
    /// `struct reserved_mem`.
    pub reserved_mem: u64,
    /// Size of a CPU mask allocated separately (`CONFIG_CPUMASK_OFFSTACK`); 0 if none is.
    pub cpu_mask: u64,
}

impl Arm64Build {
    /// Bytes of the linear map: half of the kernel's addresses; with 52 bits, everything except the part a 48-bit
    /// kernel uses for other things.
    pub const fn linear_map(&self) -> u64 {
        const BITS: u32 = 48;
        let all = match 1u64.checked_shl(self.virtual_bits) {
            Some(all) => all,
            None => u64::MAX,
        };
        let rest = 1 << (BITS - 1);
        if self.virtual_bits > BITS { all.saturating_sub(rest) } else { all / 2 }
    }

    /// The values of Debian's 6.12.117; or, for a release that ends in `-mblab`, of the kernel this project built for
    /// its captures, which has a linear map of blocks and fewer processors.
    pub fn of(release: &Release) -> Self {
        let distribution = Self {
            physical_bits: 48,
            virtual_bits: 48,
            has_kfence: true,
            kfence_is_on: false,
            rodata_full: true,
            mem_section: 32,
            page_struct: 64,
            device_node: 208,
            property: 104,
            reserved_mem: 48,
            cpu_mask: 64,
        };
        if release.to_string().ends_with("-mblab") {
            return Self {
                has_kfence: false,
                rodata_full: false,
                mem_section: 16,
                cpu_mask: 0,
                ..distribution
            };
        }
        distribution
    }
}
