//! What decides a boot: what the firmware and the boot loader hand over, the command line, and the kernel.

use firmware::e820;
use firmware::efi;
use memblock::PhysRange;

use crate::arch::Architecture;
use crate::boot::input::build::Build;
use crate::boot::input::seeds::Seed;
use crate::boot::numa::tables::NumaTables;
use crate::command_line::BootParameters;
use evidence::Release;
use evidence::Unknown;
use evidence::snapshot::Bytes;

/// `numa=fake=` makes at most so many nodes, each with its data.
const MOST_FAKE_NODES: usize = 4 * 1024;

/// Everything a boot depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootInput {
    /// The kernel's release.
    pub release: Release,
    /// The command line, as the boot loader hands it over.
    pub command_line: String,
    /// The firmware's map, and what else is special to the architecture.
    pub platform: Platform,
    /// The ACPI tables about nodes, where the firmware has them.
    pub numa: NumaTables,
    /// Where the kernel's image lies, from its text to the end of its bss.
    pub kernel_image: PhysRange,
    /// Where the boot loader put the initial ramdisk.
    pub initrd: Option<PhysRange>,
    /// What is fixed when a kernel is built or is a property of its processors.
    pub build: Build,
    /// What nothing told, and what was taken in its place.
    pub assumed: Vec<Unknown>,
    /// What the firmware or the boot loader handed over, or the build decides, and nothing but what the boot left
    /// behind shows.
    pub seeded: Vec<Seed>,
}

/// What the architectures differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    /// 64-bit x86.
    X86(X86Platform),
    /// 64-bit Arm.
    Arm64(Arm64Platform),
}

/// What an x86 kernel is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct X86Platform {
    /// The e820 map, in the firmware's order.
    pub e820: Vec<e820::Entry>,
    /// The EFI memory map, where it is known: a kernel shows it only with `efi=debug`.
    pub efi_map: Vec<efi::Entry>,
    /// Whether the machine booted by EFI.
    pub is_efi: bool,
    /// EFI's tables that the kernel reserves, above all the memory attributes table.
    pub efi_tables: Vec<PhysRange>,
    /// Where the EFI memory map itself lies.
    pub efi_map_at: Option<PhysRange>,
    /// `setup_data` nodes, each a range with its header.
    pub setup_data: Vec<PhysRange>,
    /// The ACPI tables' own places.
    pub acpi_tables: Vec<PhysRange>,
    /// Bytes of the ACPI tables that the initial ramdisk brings to replace the firmware's.
    pub acpi_upgrade: Option<u64>,
    /// What the kernel allocated of its brk area, which lies behind its image.
    pub brk: Option<PhysRange>,
}

/// What an arm64 kernel is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm64Platform {
    /// The flattened device tree: of the machine, or what EFI's stub made, with nothing but `/chosen`.
    pub device_tree: Bytes,
    /// Where its blob lies; it is reserved before anything else.
    pub device_tree_at: Option<PhysRange>,
    /// What EFI hands over, where the machine booted by EFI.
    pub efi: Option<EfiHandOver>,
    /// Whether the firmware has ACPI tables. They count where the device tree says nothing, or with `acpi=on`.
    pub has_acpi: bool,
    /// Bytes of the ACPI tables that the initial ramdisk brings to replace the firmware's.
    pub acpi_upgrade: Option<u64>,
    /// The last address that all devices of the ACPI table IORT reach; `None` where none is limited.
    pub iort_limit: Option<u64>,
    /// The part of the image that the linear map protects: from its text to its init section.
    pub kernel_text: PhysRange,
}

/// What EFI hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EfiHandOver {
    /// The memory map, in the firmware's order.
    pub map: Vec<efi::Entry>,
    /// What the kernel reserves of EFI's tables before it reads the map.
    pub tables: Vec<PhysRange>,
}

impl Platform {
    /// Its architecture.
    pub const fn architecture(&self) -> Architecture {
        match self {
            Self::X86(_) => Architecture::X86_64,
            Self::Arm64(_) => Architecture::Arm64,
        }
    }

    /// Whether the firmware gives any memory to boot with.
    pub(crate) fn has_ram(&self) -> bool {
        match self {
            Self::X86(x86) => x86.e820.iter().any(|entry| entry.kind == e820::E820Type::Ram),
            // Whether a device tree or EFI's map has memory shows when it is read.
            Self::Arm64(_) => true,
        }
    }
}

impl BootInput {
    /// Chunks for each table of a prediction: more regions than the input can make.
    ///
    /// Every entry of a map makes at most two regions, an edit or a node's block cuts two more, and the kernel's
    /// own allocations are bounded by the number of nodes and of page tables.
    pub(crate) fn room(&self, parameters: &BootParameters) -> usize {
        let map = match &self.platform {
            Platform::X86(x86) => {
                x86.e820.len().saturating_add(x86.efi_map.len()).saturating_add(x86.acpi_tables.len())
            }
            Platform::Arm64(arm64) => {
                let efi = arm64.efi.as_ref().map_or(0, |efi| efi.map.len().saturating_add(efi.tables.len()));
                // A region of the device tree takes 16 bytes at least.
                efi.saturating_add(arm64.device_tree.0.len() / 16)
            }
        };
        let cuts = parameters.map.edits.len().saturating_add(self.numa.memory.len());
        let regions = map.saturating_add(cuts).saturating_mul(4).saturating_add(MOST_FAKE_NODES);
        // A chunk is half full at least, and trees have branches.
        (regions / 16).saturating_add(16)
    }
}
