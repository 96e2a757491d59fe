//! What a prediction was given although it came of the very boot it predicts.

use super::build::Build;
use super::input::{BootInput, Platform};

/// A fact that no firmware map and no command line decides, taken from what the boot left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What it is.
    pub what: &'static str,
    /// Where it was read.
    pub from: &'static str,
}

impl BootInput {
    /// What of this input was read from what the boot left behind, so that a comparison with that boot does
    /// not prove it.
    pub fn seeds(&self) -> Vec<Seed> {
        const LOG: &str = "the kernel log";
        let is_assumed = |what: &str| self.assumed.iter().any(|assumed| assumed.what.contains(what));
        let by_default = Build::of(&self.release, self.platform.architecture());
        let mut seeds = vec![(!is_assumed("image lies"), "where the kernel's image lies", "/proc/iomem")];
        seeds.push((self.build.node_data != by_default.node_data, "the size of each node's data", LOG));
        match &self.platform {
            Platform::X86(x86) => seeds.extend([
                (x86.brk.is_some(), "the brk area behind the kernel's image", LOG),
                (!x86.setup_data.is_empty(), "what the boot loader attached as setup_data", LOG),
                (!x86.acpi_tables.is_empty(), "where the ACPI tables lie", LOG),
                (x86.acpi_upgrade.is_some(), "how large the initial ramdisk's ACPI tables are", LOG),
                (!x86.efi_tables.is_empty(), "where EFI's tables lie", LOG),
            ]),
            Platform::Arm64(arm64) => seeds.extend([
                (arm64.device_tree_at.is_some(), "where the device tree lies", LOG),
                (arm64.acpi_upgrade.is_some(), "how large the initial ramdisk's ACPI tables are", LOG),
                (!arm64.efi_reserved.is_empty(), "where EFI's tables lie", LOG),
            ]),
        }
        seeds
            .into_iter()
            .filter(|(is_seeded, ..)| *is_seeded)
            .map(|(_, what, from)| Seed { what, from })
            .collect()
    }
}
