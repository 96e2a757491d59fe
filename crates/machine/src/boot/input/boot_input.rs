//! The input of a boot: what the firmware and the boot loader pass in, the command line, and the kernel.

use firmware::e820;
use firmware::efi;
use memblock::PhysRange;

use crate::arch::Architecture;
use crate::boot::input::build::Build;
use crate::boot::input::seeds::Seed;
use crate::boot::numa::tables::NumaTables;
use crate::command_line::BootParameters;
use evidence::LateCall;
use evidence::Release;
use evidence::Unknown;
use evidence::snapshot::Bytes;

/// The name of what is not known if nothing shows where the image lies.
pub(super) const KERNEL_IMAGE: &str = "where the kernel's image lies";

/// `numa=fake=` makes at most this many nodes, each with node data.
const MOST_FAKE_NODES: usize = 4 * 1024;

/// Everything a boot depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootInput {
    /// The kernel's release.
    pub release: Release,
    /// The command line, as passed by the boot loader.
    pub command_line: String,
    /// The firmware's map, and other architecture-specific input.
    pub platform: Platform,
    /// The ACPI tables about nodes, if the firmware provides them.
    pub numa: NumaTables,
    /// The kernel image, from its text to the end of its bss.
    pub kernel_image: PhysRange,
    /// Where the boot loader put the initial ramdisk.
    pub initrd: Option<PhysRange>,
    /// Properties of the kernel build and the processors.
    pub build: Build,
    /// What the kernel allocates between its zones and the page allocator's start, if the log shows all of it.
    pub later: Vec<LateCall>,
    /// The number of possible processors, if known.
    pub cpus: Option<u64>,
    /// Whether an earlier kernel handed over (KHO).
    pub handed_over: bool,
    /// The scratch areas that it left, in which early allocations stay; empty if nothing shows them.
    pub scratch_left: Vec<PhysRange>,
    /// What it put there for this kernel, such as the list of the areas.
    pub handed_on: Vec<PhysRange>,
    /// What could not be determined, and what is assumed instead.
    pub assumed: Vec<Unknown>,
    /// Input from the firmware, the boot loader or the build that could only be read from the results of the boot.
    pub seeded: Vec<Seed>,
}

/// The architecture-specific input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    /// x86, with 64 or 32 bits.
    X86(X86Platform),
    /// 64-bit Arm.
    Arm64(Arm64Platform),
}

/// The input of an x86 kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct X86Platform {
    /// For a 32-bit kernel: the half-open end of what it addresses. Its boot is predicted up to memory and nodes only.
    pub narrow_end: Option<u64>,
    /// The e820 map, in the firmware's order.
    pub e820: Vec<e820::Entry>,
    /// The EFI memory map, if known: a kernel shows it only with `efi=debug`.
    pub efi_map: Vec<efi::Entry>,
    /// Whether the machine booted via EFI.
    pub is_efi: bool,
    /// The EFI tables that the kernel reserves, mainly the memory attributes table.
    pub efi_tables: Vec<PhysRange>,
    /// The location of the EFI memory map itself.
    pub efi_map_at: Option<PhysRange>,
    /// `setup_data` nodes, each a range including its header.
    pub setup_data: Vec<PhysRange>,
    /// The locations of the ACPI tables.
    pub acpi_tables: Vec<PhysRange>,
    /// Bytes of ACPI tables in the initial ramdisk that replace the firmware's.
    pub acpi_upgrade: Option<u64>,
    /// What the kernel allocated from its brk area, which follows its image.
    pub brk: Option<PhysRange>,
}

/// The input of an arm64 kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm64Platform {
    /// The flattened device tree: the machine's, or the one the EFI stub creates, with only `/chosen`.
    pub device_tree: Bytes,
    /// The location of the device tree blob; it is reserved before anything else.
    pub device_tree_at: Option<PhysRange>,
    /// The input from EFI, if the machine booted via EFI.
    pub efi: Option<EfiHandOver>,
    /// Whether the firmware has ACPI tables. They are used if the device tree is a stub, or with `acpi=on`.
    pub has_acpi: bool,
    /// Bytes of ACPI tables in the initial ramdisk that replace the firmware's.
    pub acpi_upgrade: Option<u64>,
    /// The last address all devices in the ACPI table IORT can reach; `None` if none is limited.
    pub iort_limit: Option<u64>,
    /// The part of the image that is protected in the linear map: from its text to its init section.
    pub kernel_text: PhysRange,
}

/// The input from EFI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EfiHandOver {
    /// The memory map, in the firmware's order.
    pub map: Vec<efi::Entry>,
    /// The EFI tables the kernel reserves before it reads the map.
    pub tables: Vec<PhysRange>,
}

impl Platform {
    /// Its architecture.
    pub const fn architecture(&self) -> Architecture {
        match self {
            Self::X86(X86Platform { narrow_end: None, .. }) => Architecture::X86_64,
            Self::X86(_) => Architecture::X86_32,
            Self::Arm64(_) => Architecture::Arm64,
        }
    }

    /// The half-open end of what a 32-bit kernel addresses.
    pub(crate) fn narrow_end(&self) -> Option<u64> {
        match self {
            Self::X86(x86) => x86.narrow_end,
            Self::Arm64(_) => None,
        }
    }

    /// Whether the kernel learns of memory from a device tree.
    pub(crate) fn memory_is_in_tree(&self) -> bool {
        matches!(self, Self::Arm64(arm64) if arm64.efi.is_none())
    }

    /// Whether the firmware provides any memory to boot with.
    pub(crate) fn has_ram(&self) -> bool {
        match self {
            Self::X86(x86) => x86.e820.iter().any(|entry| entry.kind == e820::E820Type::Ram),
            // Whether a device tree or EFI's map has memory only shows when it is read.
            Self::Arm64(_) => true,
        }
    }
}

impl BootInput {
    /// Puts the kernel's image where the boot loader put it, from its text to the end of its bss, whatever the machine
    /// shows of it. What else of the build lies in the image moves along.
    pub fn put_kernel_image(&mut self, image: PhysRange) {
        let moved = |part: PhysRange, old: PhysRange| {
            let start = image.start().checked_add(part.start().checked_sub(old.start())?)?;
            PhysRange::from_size(start, part.size()).ok()
        };
        match &mut self.platform {
            // What the kernel took of its brk area follows the image.
            Platform::X86(x86) => {
                x86.brk = x86.brk.and_then(|brk| PhysRange::from_size(image.end(), brk.size()).ok());
            }
            Platform::Arm64(arm64) => {
                arm64.kernel_text = moved(arm64.kernel_text, self.kernel_image).unwrap_or(image);
            }
        }
        self.kernel_image = image;
        self.assumed.retain(|unknown| unknown.what != KERNEL_IMAGE);
        self.seeded.retain(|seed| seed.what != KERNEL_IMAGE);
    }

    /// Chunks for each table of a prediction: more regions than the input can produce.
    ///
    /// Each map entry makes at most two regions, each edit or node block adds two more boundaries, and the kernel's own
    /// allocations are bounded by the number of nodes and page tables.
    pub(crate) fn room(&self, parameters: &BootParameters) -> usize {
        let map = match &self.platform {
            Platform::X86(x86) => {
                x86.e820.len().saturating_add(x86.efi_map.len()).saturating_add(x86.acpi_tables.len())
            }
            Platform::Arm64(arm64) => {
                let efi = arm64.efi.as_ref().map_or(0, |efi| efi.map.len().saturating_add(efi.tables.len()));
                // A region in the device tree takes at least 16 bytes.
                efi.saturating_add(arm64.device_tree.0.len() / 16)
            }
        };
        let cuts = parameters.map.edits.len().saturating_add(self.numa.memory.len());
        let later = self.later.len().saturating_add(usize::try_from(self.cpus.unwrap_or(1)).unwrap_or(0));
        let regions =
            map.saturating_add(cuts).saturating_mul(4).saturating_add(MOST_FAKE_NODES).saturating_add(later);
        // A chunk is at least half full, and trees have branches.
        (regions / 16).saturating_add(16)
    }
}
