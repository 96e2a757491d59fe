//! What is fixed when an arm64 kernel is built.

use evidence::Release;

/// What is fixed when an arm64 kernel is built and decides about its memory. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm64Build {
    /// Bits of a physical address (`CONFIG_ARM64_PA_BITS`).
    pub physical_bits: u32,
    /// Bits of a virtual address: `CONFIG_ARM64_VA_BITS`, but 48 where that is 52 and the processor has no
    /// more.
    pub virtual_bits: u32,
    /// Whether KFENCE is built in. One that is off at boot may be turned on later, for which the linear map has
    /// to be of single pages; one that is on takes a pool before the map is made.
    pub has_kfence: bool,
    /// Whether KFENCE is on unless the command line says otherwise (`CONFIG_KFENCE_SAMPLE_INTERVAL`).
    pub kfence_is_on: bool,
    /// Whether `rodata=full`, which maps single pages too, is the default.
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
    /// A mask of processors that lies outside structures (`CONFIG_CPUMASK_OFFSTACK`), 0 where there is none.
    pub cpu_mask: u64,
}

impl Arm64Build {
    /// Bytes of the linear map: half of the kernel's addresses; with 52 bits, all but what a kernel of 48 has
    /// for the rest.
    pub const fn linear_map(&self) -> u64 {
        const BITS: u32 = 48;
        let all = match 1u64.checked_shl(self.virtual_bits) {
            Some(all) => all,
            None => u64::MAX,
        };
        let rest = 1 << (BITS - 1);
        if self.virtual_bits > BITS { all.saturating_sub(rest) } else { all / 2 }
    }

    /// What Debian's 6.12.117 has; or, for a release that ends in `-mblab`, the kernel that this project built
    /// for its captures: with linear maps of blocks and fewer processors.
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
