//! Addresses as people type them.

/// Parses an address: `0x140000000`, or a number with a binary unit, `5G`.
///
/// Bare digits above 9 are refused: `100000000` is hexadecimal if copied from /proc/iomem, decimal if typed.
pub(crate) fn parse_address(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return parse_hex(digits);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let shift = match text.get(digits.len()..)?.to_ascii_uppercase().as_str() {
        "K" | "KIB" => 10,
        "M" | "MIB" => 20,
        "G" | "GIB" => 30,
        "T" | "TIB" => 40,
        "P" | "PIB" => 50,
        "" if number < 10 => 0,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// Parses hexadecimal digits as in /proc/iomem.
pub(crate) fn parse_hex(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_sign_of_their_base() {
        assert_eq!(parse_address("0x140000000"), Some(0x1_4000_0000));
        assert_eq!(parse_address("5G"), Some(5 << 30));
        assert_eq!(parse_address("640KiB"), Some(640 << 10));
        assert_eq!(parse_address("0"), Some(0));
        for wrong in ["100000000", "", "G", "0x", "0xg", "-1", "+1", "1.5G", "99999999T", "5X"] {
            assert_eq!(parse_address(wrong), None, "{wrong}");
        }
    }
}
