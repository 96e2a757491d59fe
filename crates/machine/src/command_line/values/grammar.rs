//! How a command line splits into parameters.

/// One parameter: as written in the line, and as the kernel reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Offset of its first byte in the line.
    pub at: usize,
    /// As written, with its quotes.
    pub raw: &'a str,
    /// The name, without quotes. May be empty, for the word `""`.
    pub name: &'a str,
    /// The text after the first `=` that is not the word's first byte; `None` if there is none.
    pub value: Option<&'a str>,
}

/// The parameters of a command line, in order, up to a `--`, split as in lib/cmdline.c:next_arg (6.12).
///
/// Quotes may appear anywhere and hide blanks up to the next quote. They stay part of the text, with two exceptions: a
/// quote at the start of the word or of the value is dropped, along with the one at the end.
///
/// Blanks are the ASCII ones including vertical tab. The kernel also treats the byte 0xa0 as a blank, which in UTF-8
/// only occurs inside a character: such a character is not split here. Lazy, O(bytes).
///
/// ```
/// use machine::command_line::grammar::words;
/// let names: Vec<_> = words(r#""mem=1G" a"b c"d -- mem=2G"#).map(|word| (word.name, word.value)).collect();
/// assert_eq!(names, [("mem", Some("1G")), (r#"a"b c"d"#, None)]);
/// ```
pub fn words(command_line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = command_line.get(at..)?;
        let trimmed = rest.trim_start_matches(is_blank);
        let start = command_line.len().checked_sub(trimmed.len())?;
        let raw = trimmed.get(..word_end(trimmed))?;
        at = start.checked_add(raw.len())?;
        let word = split(start, raw);
        (!raw.is_empty() && (word.name != "--" || word.value.is_some())).then_some(word)
    })
}

/// What the kernel treats as a blank between parameters.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

fn word_end(text: &str) -> usize {
    let mut is_quoted = false;
    let mut is_end = |c| {
        is_quoted ^= c == '"';
        is_blank(c) && !is_quoted
    };
    text.find(&mut is_end).unwrap_or(text.len())
}

fn split(at: usize, raw: &str) -> Word<'_> {
    let word = raw.strip_prefix('"').unwrap_or(raw);
    let has_quote = word.len() < raw.len();
    // A leading `=` is part of the name: the kernel stores the position of the sign, and 0 means it saw none.
    let equals = word.char_indices().skip(1).find(|&(_, c)| c == '=').map(|(at, _)| at);
    let halves = equals.and_then(|at| Some((word.get(..at)?, word.get(at..)?.strip_prefix('=')?)));
    let without_last = |text, strip: bool| if strip { strip_last_quote(text) } else { text };
    match halves {
        Some((name, value)) => {
            let inner = value.strip_prefix('"');
            // Only one quote is removed from the end, whether it is the word's or the value's.
            let value = without_last(inner.unwrap_or(value), has_quote || inner.is_some());
            Word { at, raw, name, value: Some(value) }
        }
        None => Word { at, raw, name: without_last(word, has_quote), value: None },
    }
}

fn strip_last_quote(text: &str) -> &str {
    text.strip_suffix('"').unwrap_or(text)
}

/// The parameters of a command line, in order, each with its value if it has one: [`words`] reduced to names and
/// values.
///
/// ```
/// let parameters: Vec<_> = machine::command_line::parameters(r#"quiet mem="1 G" -- single"#).collect();
/// assert_eq!(parameters, [("quiet", None), ("mem", Some("1 G"))]);
/// ```
pub fn parameters(command_line: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    words(command_line).map(|word| (word.name, word.value))
}

/// Whether a parameter with this name is given. Dashes and underscores are equivalent (kernel/params.c:parameq, 6.12).
///
/// ```
/// use machine::command_line::has;
/// assert!(has("ro movable-node", "movable_node"));
/// assert!(!has("ro movable_nodes", "movable_node"));
/// ```
pub fn has(command_line: &str, name: &str) -> bool {
    parameters(command_line).any(|(given, _)| is_same_name(given, name))
}

/// The values of every parameter with this name, in order.
pub fn values<'a>(command_line: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    parameters(command_line)
        .filter(move |(given, _)| is_same_name(given, name))
        .filter_map(|(_, value)| value)
}

/// Whether the kernel considers two names the same: dashes and underscores are equivalent.
pub fn is_same_name(a: &str, b: &str) -> bool {
    let dashed = |c: u8| if c == b'-' { b'_' } else { c };
    a.len() == b.len() && a.bytes().map(dashed).eq(b.bytes().map(dashed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_hide_blanks_and_are_not_part_of_the_value() {
        let all: Vec<_> = parameters("a  b=1\tc=\"x y\" \"d=z w\" e=").collect();
        let expected =
            [("a", None), ("b", Some("1")), ("c", Some("x y")), ("d", Some("z w")), ("e", Some(""))];
        assert_eq!(all, expected);
    }

    #[test]
    fn quotes_inside_a_word_stay() {
        // Observed on 6.12.117, which lists it among the unknown parameters as `a b"=c`.
        assert_eq!(parameters("\"a b\"=c").collect::<Vec<_>>(), [("a b\"", Some("c"))]);
        assert_eq!(parameters("\"mem=1G\"x").collect::<Vec<_>>(), [("mem", Some("1G\"x"))]);
        assert_eq!(parameters("a=b\" c\"d").collect::<Vec<_>>(), [("a", Some("b\" c\"d"))]);
    }

    #[test]
    fn only_one_quote_is_removed_from_the_end() {
        assert_eq!(parameters("\"a=\"b\"\"\"").collect::<Vec<_>>(), [("a", Some("b\"\""))]);
        assert_eq!(parameters("a=\"").collect::<Vec<_>>(), [("a", Some(""))]);
        assert_eq!(parameters("a=b\"").collect::<Vec<_>>(), [("a", Some("b\""))]);
    }

    #[test]
    fn an_open_quote_reaches_to_the_end() {
        assert_eq!(parameters("a=\"b c").collect::<Vec<_>>(), [("a", Some("b c"))]);
    }

    #[test]
    fn an_empty_word_does_not_end_the_line() {
        assert_eq!(parameters("\"\" mem=1G").collect::<Vec<_>>(), [("", None), ("mem", Some("1G"))]);
    }

    #[test]
    fn a_leading_equals_sign_is_part_of_the_name() {
        let expected = [("=x", None), ("=y", Some("z")), ("mem", Some("1G"))];
        assert_eq!(parameters("=x =y=z mem=1G").collect::<Vec<_>>(), expected);
    }

    #[test]
    fn text_after_two_dashes_is_for_init() {
        assert!(!has("quiet -- movable_node", "movable_node"));
        assert!(!has("quiet \"--\" movable_node", "movable_node"));
        assert!(has("quiet --=1 movable_node", "movable_node"));
        assert!(has("quiet --x movable_node", "movable_node"));
    }

    #[test]
    fn repeated_parameters_keep_their_order() {
        let values: Vec<_> = values("memmap=a memmap=b mem=c", "memmap").collect();
        assert_eq!(values, ["a", "b"]);
    }

    proptest! {
        #[test]
        fn every_word_is_at_its_reported_offset(line in "[a=\" \\-\té]{0,24}") {
            let mut last = 0;
            for word in words(&line) {
                prop_assert!(word.at >= last);
                prop_assert_eq!(line.get(word.at..).map(|rest| rest.starts_with(word.raw)), Some(true));
                last = word.at + word.raw.len();
            }
        }

        #[test]
        fn plain_words_are_reproduced(names in proptest::collection::vec("[a-z_]{1,8}(=[a-z0-9,]{0,6})?", 0..8)) {
            let line = names.join(" ");
            prop_assert_eq!(words(&line).map(|word| word.raw).collect::<Vec<_>>(), names);
        }
    }
}
