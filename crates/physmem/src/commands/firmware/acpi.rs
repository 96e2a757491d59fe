//! ACPI tables.

mod cxl;
mod hmat;
mod nodes;

use firmware::acpi::{AcpiError, Table};

use super::decoded::{Cell, Decoded};

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let Some(&signature) = bytes.first_chunk::<4>() else {
        return Decoded::faulty("ACPI table", format!("{} bytes, which are no signature", bytes.len()));
    };
    let name = String::from_utf8_lossy(&signature).into_owned();
    // Linux warns of a wrong checksum and uses the table.
    let table = match Table::without_checksum(bytes, signature) {
        Ok(table) => table,
        Err(error) => return Decoded::faulty(format!("ACPI {name}"), error),
    };
    let mut decoded = Decoded::new(format!("ACPI {name}"));
    let words = |bytes: &[u8]| Cell::text(String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']));
    decoded.facts = vec![
        ("length", Cell::Number(u64::try_from(table.bytes().len()).unwrap_or(u64::MAX))),
        ("revision", Cell::number(table.revision())),
        ("OEM", words(&table.oem_id())),
        ("OEM table", words(&table.oem_table_id())),
    ];
    match table.sum() {
        0 => {}
        sum => decoded.note(format!(
            "byte 0x9: the table sums to {sum:#04x}, expected 0: Linux warns of the checksum and uses the table"
        )),
    }
    let result = match &signature {
        b"SRAT" => nodes::srat(table, &mut decoded),
        b"SLIT" => nodes::slit(table, &mut decoded),
        b"MSCT" => nodes::msct(table, &mut decoded),
        b"HMAT" => hmat::decode(table, &mut decoded),
        b"CEDT" => cxl::decode(table, &mut decoded),
        _ => {
            decoded.is_other = true;
            decoded.note(format!(
                "nothing about memory is read from {name}; SRAT, SLIT, HMAT, CEDT and MSCT say something"
            ));
            Ok(())
        }
    };
    if let Err(error) = result {
        decoded.fault(error);
    }
    decoded
}

/// The structures that can be read; each error becomes a fault.
fn sound<T>(entries: impl Iterator<Item = Result<T, AcpiError>>, decoded: &mut Decoded) -> Vec<T> {
    let mut sound = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => sound.push(entry),
            Err(error) => decoded.fault(error),
        }
    }
    sound
}

fn other(offset: usize, kind: impl std::fmt::Display, len: impl std::fmt::Display) -> String {
    format!(
        "structure of type {kind} at byte {offset:#x} ({len} bytes): not about memory, or not known; Linux ignores types it does not know"
    )
}
