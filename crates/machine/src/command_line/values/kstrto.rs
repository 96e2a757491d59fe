//! The kernel's strict parsers for whole values, and its word lists.

use crate::command_line::values::memparse::number;
use crate::releases::{self, Target};

/// A boolean, decided by its first letters as in `lib/kstrtox.c:kstrtobool` (6.12); `None` if refused. The letters of
/// `enable` and `disable` came with 6.14, those of `true` and `false` with 5.19.
pub(crate) fn kstrtobool(value: &str, target: &Target) -> Option<bool> {
    let mut letters = value.bytes().map(|letter| letter.to_ascii_lowercase());
    match (letters.next()?, letters.next()) {
        (b'y' | b'1', _) | (b'o', Some(b'n')) => Some(true),
        (b'n' | b'0', _) | (b'o', Some(b'f')) => Some(false),
        (letter @ (b't' | b'f'), _) if releases::is_known("kstrtobool=true", target) => Some(letter == b't'),
        (letter @ (b'e' | b'd'), _) if releases::is_known("kstrtobool=enable", target) => {
            Some(letter == b'e')
        }
        _ => None,
    }
}

/// A whole number up to `max` in base 0, followed by at most a newline, as in `lib/kstrtox.c:kstrtouint` (6.12): one
/// plus sign is allowed, overflow is not.
pub(crate) fn kstrtoull(value: &str, max: u64) -> Option<u64> {
    let digits = value.strip_prefix('+').unwrap_or(value);
    let digits = digits.strip_suffix('\n').unwrap_or(digits);
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    is_number.then(|| u64::from_str_radix(digits, radix).ok()).flatten().filter(|&number| number <= max)
}

/// Like [`kstrtoull`], but only base 10.
pub(crate) fn kstrtouint_decimal(value: &str) -> Option<u32> {
    let digits = value.strip_prefix('+').unwrap_or(value);
    digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// A number with optional sign at the start of a value, as in `lib/cmdline.c:get_option` (6.12); `None` if there is no
/// digit. Values that do not fit an `int` lose their upper bits, as in the kernel.
pub(crate) fn get_option(value: &str) -> Option<i32> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (magnitude, rest) = number(digits);
    let [a, b, c, d, ..] = magnitude.to_le_bytes();
    let magnitude = i32::from_le_bytes([a, b, c, d]);
    let is_negative = digits.len() < value.len();
    (rest.len() < digits.len()).then(|| if is_negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Whether a comma-separated list contains this word (`lib/cmdline.c:parse_option_str`, 6.12).
pub(crate) fn has_word(list: &str, word: &str) -> bool {
    list.split(',').any(|given| given == word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Architecture;

    #[test]
    fn a_boolean_is_decided_by_its_first_letters() {
        let v6_12 = Target::new(Architecture::X86_64, "6.12".parse().unwrap());
        for (value, expected) in [
            ("y", Some(true)),
            ("Yes", Some(true)),
            ("1", Some(true)),
            ("on", Some(true)),
            ("true", Some(true)),
            ("OFF", Some(false)),
            ("nonsense", Some(false)),
            ("0x1", Some(false)),
            ("o", None),
            ("enable", None),
            ("2", None),
            ("", None),
        ] {
            assert_eq!(kstrtobool(value, &v6_12), expected, "{value}");
        }
        let v6_14 = Target::new(Architecture::X86_64, "6.14".parse().unwrap());
        assert_eq!(kstrtobool("enable", &v6_14), Some(true));
    }

    #[test]
    fn a_strict_number_has_no_trailing_text() {
        for (value, expected) in [
            ("301", Some(301)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("+1", Some(1)),
            ("0", Some(0)),
            ("4294967296", None),
            ("1 ", None),
            ("-1", None),
            ("0x", None),
            ("", None),
        ] {
            assert_eq!(kstrtoull(value, u64::from(u32::MAX)), expected, "{value:?}");
        }
    }

    #[test]
    fn an_option_may_be_negative() {
        assert_eq!(get_option("-4x"), Some(-4));
        assert_eq!(get_option("4,5"), Some(4));
        assert_eq!(get_option("x"), None);
        assert_eq!(get_option("-"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parsers(text in any::<String>()) {
            let _ = (kstrtoull(&text, u64::MAX), kstrtouint_decimal(&text), get_option(&text));
        }
    }
}
