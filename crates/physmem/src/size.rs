//! Sizes and addresses as people write them.

/// A size for people, as lsmem prints it: at most one digit behind the point, `1G`, `639K`, `7.5M`.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [(u32, &str); 6] = [(60, "E"), (50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")];
    for (shift, unit) in UNITS {
        let unit_size = 1_u64 << shift;
        // What would be rounded to 1024 of the unit below is one of this.
        let rounded_up = (unit_size >> 10) / 20;
        if bytes.saturating_add(rounded_up) >= unit_size {
            // 128 bits: ten times an exbibyte does not fit 64.
            let tenths = (u128::from(bytes) * 10 + u128::from(unit_size) / 2) >> shift;
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

/// An address as a person writes one: `0x140000000`, or a number with a binary unit, `5G`.
///
/// Bare digits are refused above 9: `100000000` copied from /proc/iomem is hexadecimal, typed it is decimal.
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

/// Hexadecimal digits as /proc/iomem prints them.
pub(crate) fn parse_hex(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_digit_behind_the_point_and_only_where_it_says_something() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1024), "1K");
        assert_eq!(human(0x9f000 - 0x1000), "632K");
        assert_eq!(human(0x7fed_f000), "2G");
        assert_eq!(human(1_610_612_736), "1.5G");
        assert_eq!(human(u64::MAX), "16E");
        assert_eq!(human((1 << 30) - 0x1000), "1G");
        assert_eq!(human((1 << 30) - (1 << 20)), "1023M");
    }

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
