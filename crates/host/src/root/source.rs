//! Combinators for [`Source`].

use evidence::Source;

/// Maps a value that was read; anything else is unchanged.
pub(crate) fn map<T, U>(source: Source<T>, change: impl FnOnce(T) -> U) -> Source<U> {
    and_then(source, |value| Source::Read(change(value)))
}

/// Continues with a value that was read; anything else is unchanged.
pub(crate) fn and_then<T, U>(source: Source<T>, next: impl FnOnce(T) -> Source<U>) -> Source<U> {
    match source {
        Source::Read(value) => next(value),
        Source::Missing => Source::Missing,
        Source::Unreadable { why, for_lack_of_privilege } => {
            Source::Unreadable { why, for_lack_of_privilege }
        }
    }
}

/// The first source, or `other` if it is missing.
pub(crate) fn or_else<T>(source: Source<T>, other: impl FnOnce() -> Source<T>) -> Source<T> {
    match source {
        Source::Missing => other(),
        found => found,
    }
}

/// Something is there but unusable; more privilege would not help.
pub(crate) fn nonsense<T>(why: String) -> Source<T> {
    Source::Unreadable { why, for_lack_of_privilege: false }
}

/// Bytes as text, with the line ends that the kernel writes. Every text of a machine comes through here.
///
/// The kernel guarantees no encoding; invalid UTF-8 becomes U+FFFD. Copies from other systems bring a byte order mark,
/// UTF-16, and lines that end in `\r\n` (on a serial console in `\r\r\n`).
pub(crate) fn text(bytes: Vec<u8>) -> String {
    let text = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    };
    if !text.contains('\r') {
        return text;
    }
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                lines.push_str(line.trim_end_matches('\r'));
                lines.push('\n');
            }
            None => lines.push_str(line.trim_end_matches('\r')),
        }
    }
    lines
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A file's content for a message: quoted and truncated.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start:?}..."),
        None => format!("{text:?}"),
    }
}

/// Bytes without trailing zeros.
pub(crate) fn without_padding(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    bytes.get(..length).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_content_is_truncated_in_a_message() {
        assert_eq!(quoted("melting\n"), "\"melting\\n\"");
        assert_eq!(quoted(&"ü".repeat(61)), format!("\"{}\"...", "ü".repeat(60)));
    }

    #[test]
    fn text_has_the_kernels_line_ends_whatever_a_copy_made_of_them() {
        for bytes in [
            &b"a\r\nb\r\n"[..],
            b"a\r\r\nb\r\n",
            b"\xef\xbb\xbfa\nb\n",
            b"\xff\xfea\0\r\0\n\0b\0\n\0",
            b"\xfe\xff\0a\0\n\0b\0\n",
        ] {
            assert_eq!(text(bytes.to_vec()), "a\nb\n", "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn only_trailing_zeros_are_padding() {
        assert_eq!(without_padding(b"a\0b\0\0"), b"a\0b");
        assert_eq!(without_padding(b"\0\0"), b"");
    }
}
