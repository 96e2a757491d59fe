//! Numbers and sizes as the kernel reads them.

/// A size at the start of a text, in bytes, and the rest of the text, as in `lib/cmdline.c:memparse` (6.12).
///
/// The number is decimal, octal after `0` or hexadecimal after `0x`; one of K, M, G, T, P and E, in either case, shifts
/// it left by 10 to 60 bits. Overflow is lost at the top: `16E` is 0. After `0x`, an E is a digit.
///
/// A text without a digit is 0 and consumes nothing but a leading suffix letter: `memmap=exact` is read as 0 followed
/// by `xact`.
///
/// ```
/// use machine::command_line::memparse::memparse;
/// assert_eq!(memparse("64M@0x10000000"), (64 << 20, "@0x10000000"));
/// assert_eq!(memparse("010k"), (8 << 10, ""));
/// assert_eq!(memparse("none"), (0, "none"));
/// ```
pub fn memparse(text: &str) -> (u64, &str) {
    let (number, rest) = number(text);
    let shift = match rest.bytes().next().map(|letter| letter.to_ascii_uppercase()) {
        Some(b'K') => 10,
        Some(b'M') => 20,
        Some(b'G') => 30,
        Some(b'T') => 40,
        Some(b'P') => 50,
        Some(b'E') => 60,
        _ => return (number, rest),
    };
    // One large shift loses the same bits as the kernel's repeated shifts by ten.
    (number << shift, rest.get(1..).unwrap_or_default())
}

/// A number at the start of a text, and the rest of the text, as in `lib/vsprintf.c:simple_strtoull` with base 0
/// (6.12): decimal, octal after `0`, hexadecimal after `0x`, modulo 2^64; 0 if there is no digit. A sign is not
/// accepted.
///
/// ```
/// use machine::command_line::memparse::number;
/// assert_eq!(number("0x1fg"), (0x1f, "g"));
/// assert_eq!(number("089"), (0, "89"));
/// assert_eq!(number("-1"), (0, "-1"));
/// ```
pub fn number(text: &str) -> (u64, &str) {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match hexadecimal.filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit())) {
        Some(digits) => take_digits(digits, 16),
        None if text.starts_with('0') => take_digits(text, 8),
        None => take_digits(text, 10),
    }
}

fn take_digits(text: &str, radix: u32) -> (u64, &str) {
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let value = digits
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0_u64, |value, digit| value.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit)));
    (value, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_parsed_as_in_the_kernel() {
        for (text, expected) in [
            ("", (0, "")),
            ("12M:", (12 << 20, ":")),
            ("0x1fg", (0x1f << 30, "")),
            ("0x", (0, "x")),
            ("08", (0, "8")),
            ("1kb", (1 << 10, "b")),
            ("16E", (0, "")),
            ("0x1E", (0x1e, "")),
            ("18446744073709551617", (1, "")),
            ("exact", (0, "xact")),
            ("k", (0, "")),
            ("4\u{e9}", (4, "\u{e9}")),
            ("+1", (0, "+1")),
        ] {
            assert_eq!(memparse(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_size_is_read_back(number: u64, suffix in 0_usize..7, rest in "[^0-9a-zA-Z]{0,4}") {
            let letters = ["", "K", "m", "G", "t", "P", "e"];
            let shift = u32::try_from(suffix * 10).unwrap();
            let hexadecimal = if suffix == 6 { format!("{number}") } else { format!("{number:#x}") };
            for text in [format!("{number}"), hexadecimal, format!("0{number:o}")] {
                let text = format!("{text}{}{rest}", letters[suffix]);
                prop_assert_eq!(memparse(&text), (number << shift, rest.as_str()));
            }
        }

        #[test]
        fn no_text_panics_the_parser(text in any::<String>()) {
            let (_, rest) = memparse(&text);
            prop_assert!(text.ends_with(rest));
        }
    }
}
