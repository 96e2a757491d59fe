//! Shared by the ACPI targets: turns the fuzzer's bytes into a table that passes the header checks, so that
//! the fuzzer spends its time on the structures.

/// `data` with signature, length and checksum corrected, if it is long enough to have them.
pub fn sound(data: &[u8], signature: [u8; 4]) -> Vec<u8> {
    let mut table = data.to_vec();
    if table.len() >= 36 {
        table[..4].copy_from_slice(&signature);
        table[4..8].copy_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        table[9] = 0;
        table[9] = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    }
    table
}
