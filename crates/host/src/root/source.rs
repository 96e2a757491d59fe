//! Small steps from one [`Source`] to the next.

use evidence::Source;

/// Changes what was read; what was not stays as it is.
pub(crate) fn map<T, U>(source: Source<T>, change: impl FnOnce(T) -> U) -> Source<U> {
    and_then(source, |value| Source::Read(change(value)))
}

/// Goes on with what was read; what was not stays as it is.
pub(crate) fn and_then<T, U>(source: Source<T>, next: impl FnOnce(T) -> Source<U>) -> Source<U> {
    match source {
        Source::Read(value) => next(value),
        Source::Missing => Source::Missing,
        Source::Unreadable { why, for_lack_of_privilege } => {
            Source::Unreadable { why, for_lack_of_privilege }
        }
    }
}

/// The first source that is not missing; the second is looked at only if the first is missing.
pub(crate) fn or_else<T>(source: Source<T>, other: impl FnOnce() -> Source<T>) -> Source<T> {
    match source {
        Source::Missing => other(),
        found => found,
    }
}

/// Something is there but makes no sense; more privilege would not help.
pub(crate) fn nonsense<T>(why: String) -> Source<T> {
    Source::Unreadable { why, for_lack_of_privilege: false }
}

/// Bytes as text. The kernel promises no encoding; a byte that is no UTF-8 becomes U+FFFD and nothing else
/// changes.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A file's content for a message: quoted, and cut where it is longer than anybody would read.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start:?}..."),
        None => format!("{text:?}"),
    }
}

/// Bytes without the zeros at their end.
pub(crate) fn without_padding(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    bytes.get(..length).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_content_is_cut_in_a_message() {
        assert_eq!(quoted("melting\n"), "\"melting\\n\"");
        assert_eq!(quoted(&"ü".repeat(61)), format!("\"{}\"...", "ü".repeat(60)));
    }

    #[test]
    fn padding_is_only_what_is_at_the_end() {
        assert_eq!(without_padding(b"a\0b\0\0"), b"a\0b");
        assert_eq!(without_padding(b"\0\0"), b"");
    }
}
