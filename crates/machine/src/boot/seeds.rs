//! What a prediction was given although it came of the very boot it predicts.

use super::build::Build;
use super::input::{BootInput, Platform};

/// A fact that no firmware map and no command line decides, taken from what the boot left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What it is.
    pub what: String,
    /// Where it was read, or why it had to be.
    pub why: String,
}

impl BootInput {
    /// What of this input was read from what the boot left behind, so that a comparison with that boot does
    /// not prove it.
    pub fn seeds(&self) -> Vec<Seed> {
        const LOG: &str = "from the kernel log";
        let is_assumed = |what: &str| self.assumed.iter().any(|assumed| assumed.what.contains(what));
        let by_default = Build::of(&self.release, self.platform.architecture());
        let mut seeds = vec![
            (!is_assumed("image lies"), "where the kernel's image lies", "from /proc/iomem"),
            (self.build.node_data != by_default.node_data, "the size of each node's data", LOG),
        ];
        if let Platform::X86(x86) = &self.platform {
            seeds.extend([
                (x86.brk.is_some(), "the brk area behind the kernel's image", LOG),
                (!x86.setup_data.is_empty(), "what the boot loader attached as setup_data", LOG),
                (!x86.acpi_tables.is_empty(), "where the ACPI tables lie", LOG),
                (x86.acpi_upgrade.is_some(), "how large the initial ramdisk's ACPI tables are", LOG),
                (!x86.efi_tables.is_empty(), "where EFI's tables lie", LOG),
            ]);
        }
        let seed = |what: &str, why: &str| Seed { what: what.to_owned(), why: why.to_owned() };
        let common =
            seeds.into_iter().filter(|(is_seeded, ..)| *is_seeded).map(|(_, what, from)| seed(what, from));
        let mut all: Vec<Seed> = common.collect();
        for one in &self.seeded {
            if !all.iter().any(|other| other.what == one.what) {
                all.push(seed(&one.what, &one.why));
            }
        }
        all
    }
}
