//! The RAM map: as provided by the firmware, edited by the command line, and corrected by the kernel.

use firmware::e820::{E820Type, Entry};
use firmware::efi::{self, MemoryAttribute, MemoryType};
use memblock::PhysRange;

use crate::arch::Architecture;
use crate::boot::early::{Early, Halt};
use crate::boot::input::{BootInput, Platform, X86Platform};
use crate::boot::trace::Step;
use crate::boot::x86::e820_map::E820Map;
use crate::boot::x86::{ISA_HOLE, MIB, PAGE};
use crate::command_line::{BootParameters, MapEdit};
use crate::releases::{ACPI_DATA_ENDS_MEMORY, Target, is_known};

impl BootInput {
    /// The firmware's e820 map, sanitized but not edited by the command line: the map that kexec_file_load passes to
    /// the next kernel. Empty if there is none, as on arm64.
    pub fn e820_of_firmware(&self) -> Vec<Entry> {
        let Platform::X86(platform) = &self.platform else { return Vec::new() };
        let parameters = BootParameters::parse(&self.command_line, Architecture::X86_64, &self.release);
        sorted_out(platform, &parameters).entries().to_vec()
    }
}

/// The boot loader's map, sanitized.
///
/// If the kernel's EFI stub builds it from EFI's map, the stub has already read the command line: special-purpose
/// memory is kept for drivers unless `efi=nosoftreserve` makes it ordinary RAM.
pub(super) fn firmware_map(
    early: &mut Early<'_>,
    platform: &X86Platform,
    parameters: &BootParameters,
) -> E820Map {
    early.begin(Step {
        name: "e820__memory_setup",
        source: "arch/x86/kernel/e820.c:e820__memory_setup, e820__update_table (6.12)",
    });
    let e820 = sorted_out(platform, parameters);
    for entry in e820.entries() {
        early.note(format!("BIOS-e820: [{}] {}", entry.range, entry.kind), "from the firmware's map");
    }
    e820
}

/// The same map, outside a boot.
pub(super) fn sorted_out(platform: &X86Platform, parameters: &BootParameters) -> E820Map {
    let mut e820 = E820Map::new(platform.e820.clone());
    let is_special = |entry: &&efi::Entry| {
        entry.kind == MemoryType::CONVENTIONAL && entry.attributes.contains(MemoryAttribute::SPECIAL_PURPOSE)
    };
    for entry in platform.efi_map.iter().filter(is_special) {
        let (from, to) = if parameters.efi.nosoftreserve {
            (E820Type::SoftReserved, E820Type::Ram)
        } else {
            (E820Type::Ram, E820Type::SoftReserved)
        };
        e820.retype(entry.range, from, to);
    }
    e820.sort_out();
    e820
}

/// `mem=` and `memmap=`, applied as they are parsed; then the map is sanitized again.
pub(super) fn edit_map(early: &mut Early<'_>, e820: &mut E820Map, parameters: &BootParameters) {
    early.begin(Step {
        name: "parse_early_param",
        source: "arch/x86/kernel/e820.c:parse_memopt, parse_memmap_one, e820__finish_early_params (6.12)",
    });
    for edit in &parameters.map.edits {
        match edit {
            MapEdit::LimitRam { from } => {
                if let Ok(above) = PhysRange::new(*from, u64::MAX) {
                    e820.remove(above, Some(E820Type::Ram));
                    early.note(
                        format!("e820: remove [{above}] usable"),
                        "mem= is a limit on addresses, not an amount",
                    );
                }
            }
            MapEdit::Exact => {
                e820.clear();
                early.note("e820: remove everything", "memmap=exactmap: only what follows counts");
            }
            MapEdit::Add { range, kind } => {
                e820.add(*range, *kind);
                early.note(format!("e820: add [{range}] {kind}"), "memmap=");
            }
            MapEdit::Convert { range, from, to } => {
                e820.retype(*range, *from, *to);
                early.note(format!("e820: update [{range}] {from} ==> {to}"), "memmap=…%…-from+to");
            }
            MapEdit::Remove { range, kind } => {
                e820.remove(*range, *kind);
                let words = kind.map_or_else(String::new, |kind| format!(" {kind}"));
                early.note(format!("e820: remove [{range}]{words}"), "memmap=…%… without a new type");
            }
        }
    }
    if parameters.map.edits.is_empty() {
        return;
    }
    e820.sort_out();
    for entry in e820.entries() {
        early
            .note(format!("user: [{}] {}", entry.range, entry.kind), "the map as the command line leaves it");
    }
}

/// Memory the boot loader attached keeps its type, and is reserved.
pub(super) fn reserve_setup_data(
    early: &mut Early<'_>,
    e820: &mut E820Map,
    platform: &X86Platform,
) -> Result<(), Halt> {
    if platform.setup_data.is_empty() {
        return Ok(());
    }
    early.begin(Step {
        name: "e820__reserve_setup_data",
        source: "arch/x86/kernel/e820.c:e820__reserve_setup_data (6.12)",
    });
    for data in &platform.setup_data {
        early.reserve_kern(*data, "setup_data is read again later")?;
    }
    e820.sort_out();
    Ok(())
}

/// The first bytes, `low` of them but at least page 0, and the ISA hole are never RAM, whatever the firmware says.
pub(super) fn trim_bios_range(early: &mut Early<'_>, e820: &mut E820Map, low: u64) {
    early.begin(Step { name: "trim_bios_range", source: "arch/x86/kernel/setup.c:trim_bios_range (6.12)" });
    if let Ok(first) = PhysRange::new(0, low.max(PAGE)) {
        e820.retype(first, E820Type::Ram, E820Type::Reserved);
        let why =
            if low > PAGE { "BIOSes write to low memory" } else { "BIOSes keep data in the first page" };
        early.note(format!("e820: update [{first}] usable ==> reserved"), why);
    }
    if let Ok(isa) = PhysRange::new(ISA_HOLE, MIB) {
        e820.remove(isa, Some(E820Type::Ram));
        early.note(format!("e820: remove [{isa}] usable"), "video memory and ROMs of ISA devices");
    }
    e820.sort_out();
}

/// A kernel that runs where the map has no RAM treats its own image as RAM anyway: kexec may have placed it in memory
/// this kernel was not told about.
pub(super) fn add_kernel_range(early: &mut Early<'_>, e820: &mut E820Map, input: &BootInput) {
    early.begin(Step {
        name: "e820_add_kernel_range",
        source: "arch/x86/kernel/setup.c:e820_add_kernel_range (6.12)",
    });
    let end = input.kernel_image.end().saturating_add(input.build.brk_area);
    let Ok(range) = PhysRange::new(input.kernel_image.start(), end) else { return };
    let ram: u64 = e820
        .entries()
        .iter()
        .filter(|entry| entry.kind == E820Type::Ram)
        .filter_map(|entry| entry.range.intersect(range))
        .map(PhysRange::size)
        .fold(0, u64::saturating_add);
    if ram >= range.size() {
        return;
    }
    e820.remove(range, None);
    e820.add(range, E820Type::Ram);
    e820.sort_out();
    early.note(format!("e820: add [{range}] usable"), "the kernel runs there, so it is RAM");
}

/// First page frame after RAM and ACPI data.
pub(super) fn find_last_pages(early: &mut Early<'_>, e820: &E820Map, input: &BootInput) -> u64 {
    early.begin(Step {
        name: "e820__end_of_ram_pfn",
        source: "arch/x86/kernel/e820.c:e820__end_of_ram_pfn (6.12)",
    });
    // The limit of what page tables with this many levels can map directly (MAXMEM).
    let widest: u64 = if input.build.page_table_levels > 4 { 1 << 52 } else { 1 << 46 };
    let max_arch = input.platform.narrow_end().unwrap_or(widest);
    let target = Target::new(Architecture::X86_64, input.release.clone());
    let acpi_counts = is_known(ACPI_DATA_ENDS_MEMORY, &target);
    let max_pfn = e820.end_of_ram(max_arch, acpi_counts) / PAGE;
    let max_arch_pfn = max_arch / PAGE;
    early.note(
        format!("last_pfn = {max_pfn:#x} max_arch_pfn = {max_arch_pfn:#x}"),
        if acpi_counts {
            "the last whole page of RAM; ACPI data counts, so that it is mapped"
        } else {
            "the last whole page of RAM"
        },
    );
    max_pfn
}
