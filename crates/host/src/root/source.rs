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

/// Bytes as text. The kernel guarantees no encoding; invalid UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
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
    fn only_trailing_zeros_are_padding() {
        assert_eq!(without_padding(b"a\0b\0\0"), b"a\0b");
        assert_eq!(without_padding(b"\0\0"), b"");
    }
}
