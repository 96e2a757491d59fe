//! Memory maps: the zero page, and maps in text.

use evidence::{Evidence, Snapshot};
use firmware::e820::{self, BootParams};
use firmware::efi::{self, MemoryAttribute, MemoryType};

use super::decoded::{Cell, Decoded, Row};

pub(super) fn zero_page(bytes: &[u8]) -> Decoded {
    const KIND: &str = "x86 zero page";
    let params = match BootParams::new(bytes) {
        Ok(params) => params,
        Err(error) => return Decoded::faulty(KIND, error),
    };
    let mut decoded = Decoded::new(KIND);
    let mut rows = Vec::new();
    for entry in params.entries() {
        match entry {
            Ok(entry) => rows.push(e820_row(&entry)),
            // The kernel drops entries that are empty or wrap.
            Err(error) => decoded.note(format!("{error}; Linux ignores the entry")),
        }
    }
    for overlap in params.entries().overlaps() {
        decoded.note(overlap);
    }
    if rows.is_empty() {
        decoded.note("it has no memory map");
    }
    decoded.section("e820", rows);
    match params.ramdisk() {
        Ok(Some(range)) => decoded.facts.push(("initrd", Cell::Range(Some(range)))),
        Ok(None) => {}
        Err(error) => decoded.fault(error),
    }
    if let Some(range) = params.efi_memory_map() {
        decoded.facts.push(("EFI map at", Cell::Range(Some(range))));
    }
    decoded
}

pub(super) fn text(what: &str, snapshot: &Snapshot) -> Decoded {
    let mut decoded = Decoded::new(what);
    let evidence = Evidence::from(snapshot);
    let Some(log) = evidence.log.read() else { return decoded };
    // Beside an EFI map alone, the e820 map is only derived from it.
    if what.contains("e820") {
        decoded.section("e820", log.e820.iter().flatten().map(e820_row).collect());
    }
    decoded.section("EFI", log.efi.map.iter().map(efi_row).collect());
    let srat = log.srat.iter().map(|line| {
        vec![
            ("range", Cell::Range(Some(line.range))),
            ("node", Cell::number(line.node.get())),
            ("domain", Cell::number(line.proximity_domain)),
            ("hot_pluggable", Cell::Flag(line.hotplug)),
        ]
    });
    decoded.section("SRAT", srat.collect());
    decoded
}

fn e820_row(entry: &e820::Entry) -> Row {
    vec![("range", Cell::Range(Some(entry.range))), ("type", Cell::text(entry.kind))]
}

fn efi_row(entry: &efi::Entry) -> Row {
    let has = |attribute| entry.attributes.contains(attribute);
    vec![
        ("range", Cell::Range(Some(entry.range))),
        ("type", Cell::text(efi_kind(entry.kind))),
        ("attributes", Cell::Hex(entry.attributes.bits())),
        ("mirrored", Cell::Flag(has(MemoryAttribute::MORE_RELIABLE))),
        ("special_purpose", Cell::Flag(has(MemoryAttribute::SPECIAL_PURPOSE))),
        ("runtime", Cell::Flag(has(MemoryAttribute::RUNTIME))),
    ]
}

/// As the specification calls it.
fn efi_kind(kind: MemoryType) -> String {
    let name = match kind {
        MemoryType::RESERVED => "reserved",
        MemoryType::LOADER_CODE => "loader code",
        MemoryType::LOADER_DATA => "loader data",
        MemoryType::BOOT_SERVICES_CODE => "boot services code",
        MemoryType::BOOT_SERVICES_DATA => "boot services data",
        MemoryType::RUNTIME_SERVICES_CODE => "runtime services code",
        MemoryType::RUNTIME_SERVICES_DATA => "runtime services data",
        MemoryType::CONVENTIONAL => "conventional",
        MemoryType::UNUSABLE => "unusable",
        MemoryType::ACPI_RECLAIM => "ACPI reclaim",
        MemoryType::ACPI_NON_VOLATILE => "ACPI non-volatile",
        MemoryType::MMIO => "memory-mapped I/O",
        MemoryType::MMIO_PORT_SPACE => "memory-mapped I/O ports",
        MemoryType::PAL_CODE => "PAL code",
        MemoryType::PERSISTENT_MEMORY => "persistent",
        MemoryType::UNACCEPTED => "unaccepted",
        MemoryType(other) => return format!("type {other}"),
    };
    name.to_owned()
}
