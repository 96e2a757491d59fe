//! MSCT: the structures end for any table, and lie inside it.
#![no_main]

use firmware::acpi::Table;
use firmware::msct::Msct;
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    for bytes in [data.to_vec(), table::sound(data, *b"MSCT")] {
        let Ok(msct) = Table::without_checksum(&bytes, *b"MSCT").and_then(Msct::from_table) else { continue };
        for entry in msct.entries().flatten() {
            assert!(entry.offset + 22 <= bytes.len());
        }
    }
});
