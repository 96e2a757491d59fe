//! What the log says about EFI: its tables and its memory maps.

use std::collections::BTreeMap;

use firmware::efi;
use firmware::log::EfiMap;

/// EFI tables, and the memory maps that a kernel booted with `efi=debug` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EfiLines {
    /// Whether the log has the heading `Processing EFI memory map:`.
    pub has_map_heading: bool,
    /// The firmware's memory map, in its order; empty if the log does not show it.
    pub map: Vec<efi::Entry>,
    /// The number of entries in the runtime map; 0 if the log does not show it.
    pub runtime_entries: u64,
    /// Table addresses by name, such as `ACPI 2.0` and `MEMATTR`, from the line `efi: SMBIOS=0xbf520000 ACPI
    /// 2.0=0xbf77d014` (drivers/firmware/efi/efi.c:match_config_table, 6.12). The first line that names a table wins.
    pub tables: BTreeMap<String, u64>,
}

impl EfiLines {
    pub(super) fn of(log: &str) -> Self {
        let mut found =
            Self { has_map_heading: log.contains("Processing EFI memory map:"), ..Self::default() };
        for line in firmware::log::efi(log.as_bytes()).filter_map(Result::ok) {
            match line.map {
                EfiMap::Firmware => found.map.push(line.entry),
                EfiMap::Runtime => found.runtime_entries = found.runtime_entries.saturating_add(1),
            }
        }
        for (_, line) in firmware::log::lines(log.as_bytes()) {
            if let Some(tables) = line.strip_prefix(b"efi: ") {
                found.take_tables(&String::from_utf8_lossy(tables));
            }
        }
        found
    }

    /// Parses `NAME=0xADDRESS NAME=0xADDRESS ...`; a name may contain a space.
    fn take_tables(&mut self, line: &str) {
        let mut rest = line;
        while let Some((name, after)) = rest.split_once("=0x") {
            let end = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
            let (digits, next) = after.split_at_checked(end).unwrap_or((after, ""));
            if let Ok(address) = u64::from_str_radix(digits, 16) {
                self.tables.entry(name.trim().to_owned()).or_insert(address);
            }
            rest = next;
        }
    }

    /// The address of a table.
    pub fn table(&self, name: &str) -> Option<u64> {
        self.tables.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_name_and_the_first_line_wins() {
        let log = "[ 0.0] efi: EFI v2.7 by EDK II\n\
                   [ 0.0] efi: SMBIOS=0xbf520000 ACPI=0xbf77d000 ACPI 2.0=0xbf77d014 MEMATTR=0xbe8f7018 \n\
                   [ 9.0] efi: ACPI 2.0=0x1\n";
        let efi = EfiLines::of(log);
        assert_eq!(efi.table("ACPI 2.0"), Some(0xbf77_d014));
        assert_eq!(efi.table("ACPI"), Some(0xbf77_d000));
        assert_eq!(efi.table("MEMATTR"), Some(0xbe8f_7018));
        assert_eq!(efi.table("ESRT"), None);
    }

    #[test]
    fn a_line_cut_off_inside_a_number_gives_no_table() {
        assert_eq!(EfiLines::of("efi: SMBIOS=0x").tables, BTreeMap::new());
        assert_eq!(EfiLines::of("efi: ACPI=0xfffffffffffffffff").tables, BTreeMap::new());
    }
}
