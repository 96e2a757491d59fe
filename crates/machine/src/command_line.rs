//! The parameters of a kernel command line.

/// The parameters of a command line, in order, each with its value if it has one.
///
/// A value may stand in double quotes, which then hide the blanks inside; what follows `--` is for init,
/// not for the kernel (lib/cmdline.c:next_arg, 6.12). Lazy, O(bytes).
///
/// ```
/// let parameters: Vec<_> = machine::command_line::parameters(r#"quiet mem="1 G" -- single"#).collect();
/// assert_eq!(parameters, [("quiet", None), ("mem", Some("1 G"))]);
/// ```
pub fn parameters(command_line: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = command_line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let mut quoted = false;
        let end = rest
            .char_indices()
            .find(|&(_, c)| {
                quoted ^= c == '"';
                c.is_ascii_whitespace() && !quoted
            })
            .map_or(rest.len(), |(at, _)| at);
        let (word, tail) = rest.split_at(end);
        rest = tail;
        let word = word.strip_prefix('"').map_or(word, |inner| inner.strip_suffix('"').unwrap_or(inner));
        (!word.is_empty() && word != "--").then(|| match word.split_once('=') {
            Some((name, value)) => (name, Some(unquoted(value))),
            None => (word, None),
        })
    })
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').map_or(value, |inner| inner.strip_suffix('"').unwrap_or(inner))
}

/// Whether a parameter of this name is given. Dash and underscore are one letter to the kernel
/// (kernel/params.c:parameq, 6.12).
///
/// ```
/// use machine::command_line::has;
/// assert!(has("ro movable-node", "movable_node"));
/// assert!(!has("ro movable_nodes", "movable_node"));
/// ```
pub fn has(command_line: &str, name: &str) -> bool {
    parameters(command_line).any(|(given, _)| same_name(given, name))
}

/// The values of every parameter of this name, in order.
pub fn values<'a>(command_line: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    parameters(command_line).filter(move |(given, _)| same_name(given, name)).filter_map(|(_, value)| value)
}

fn same_name(a: &str, b: &str) -> bool {
    let dashed = |c: u8| if c == b'-' { b'_' } else { c };
    a.len() == b.len() && a.bytes().map(dashed).eq(b.bytes().map(dashed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_blanks_and_are_not_part_of_the_value() {
        let all: Vec<_> = parameters("a  b=1\tc=\"x y\" \"d=z w\" e=").collect();
        let expected =
            [("a", None), ("b", Some("1")), ("c", Some("x y")), ("d", Some("z w")), ("e", Some(""))];
        assert_eq!(all, expected);
    }

    #[test]
    fn an_open_quote_reaches_to_the_end() {
        assert_eq!(parameters("a=\"b c").collect::<Vec<_>>(), [("a", Some("b c"))]);
    }

    #[test]
    fn what_follows_two_dashes_is_for_init() {
        assert!(!has("quiet -- movable_node", "movable_node"));
    }

    #[test]
    fn repeated_parameters_keep_their_order() {
        let values: Vec<_> = values("memmap=a memmap=b mem=c", "memmap").collect();
        assert_eq!(values, ["a", "b"]);
    }
}
