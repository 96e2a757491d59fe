//! The text of `acpidump`: each table as a line `SRAT @ 0x0000000000000000` and lines of hexadecimal bytes.

/// Bytes on a line, each two digits and a space.
const COLUMNS: usize = 16;

/// The tables in the text, in its order; empty if it is not of that form.
///
/// A line that does not continue its table ends it: the table's own length then says what is missing.
pub(crate) fn tables(text: &str) -> Vec<Vec<u8>> {
    let mut tables: Vec<Vec<u8>> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if is_heading(line) {
            tables.push(Vec::new());
            is_open = true;
        } else if let Some(table) = tables.last_mut().filter(|_| is_open) {
            match data(line, table.len()) {
                Some(bytes) => table.extend(bytes),
                None => is_open = false,
            }
        }
    }
    tables
}

/// `SRAT @ 0x000000007b7c5000`.
fn is_heading(line: &str) -> bool {
    let Some((signature, address)) = line.trim_end().split_once(" @ 0x") else { return false };
    signature.len() == 4
        && signature.bytes().all(|byte| byte.is_ascii_graphic())
        && !address.is_empty()
        && address.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The bytes of a line `    0010: 42 58 50 43  BXPC`, if it is at this offset of its table.
fn data(line: &str, at: usize) -> Option<Vec<u8>> {
    let (offset, rest) = line.trim_start().split_once(':')?;
    if usize::from_str_radix(offset, 16).ok()? != at {
        return None;
    }
    // What stands behind the columns is the same as characters.
    let columns: Vec<char> = rest.strip_prefix(' ')?.chars().take(COLUMNS * 3).collect();
    let bytes = columns.chunks(3).map_while(|column| {
        let (high, low) = (column.first()?.to_digit(16)?, column.get(1)?.to_digit(16)?);
        u8::try_from(high << 4 | low).ok()
    });
    Some(bytes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_the_bytes_below_its_heading_and_not_their_characters() {
        let text = "SLIT @ 0x0000000000000000\n    0000: 53 4C 49 54 2D 00 00 00 01 96 42 4F 43 48 53 20  SLIT-.....BOCHS \n    \
                    0010: 0A                                               .\n\nMCFG @ 0x0000000000000000\n    0000: 4D 43  be\n";
        let tables = tables(text);
        assert_eq!(tables.len(), 2);
        assert_eq!((tables[0].len(), &tables[0][..5], tables[0][16]), (17, &b"SLIT-"[..], 10));
        assert_eq!(tables[1], b"MC");
    }

    #[test]
    fn a_missing_line_ends_the_table_and_a_log_has_none() {
        let text = "SRAT @ 0x1\n  0000: 53 52\n  0010: 01 02\n  0002: 01\n";
        assert_eq!(tables(text), [b"SR"]);
        assert!(tables("ACPI: SRAT 0x000000007B7C5000 000130 (v01 BOCHS)\n").is_empty());
    }
}
