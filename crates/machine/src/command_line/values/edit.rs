//! Command line edits for what-ifs.

use crate::command_line::values::grammar::{Word, is_blank, is_same_name, words};

/// The line with `text` added as the kernel's last parameter: at the end, or before a `--`. The existing text is kept
/// byte for byte.
///
/// ```
/// use machine::command_line::edit::append;
/// assert_eq!(append("ro quiet", "mem=1G"), "ro quiet mem=1G");
/// assert_eq!(append("ro -- single", "mem=1G"), "ro mem=1G -- single");
/// ```
pub fn append(line: &str, text: &str) -> String {
    let (kernel, init) = halves(line);
    let text = text.trim_matches(is_blank);
    if text.is_empty() {
        return line.to_owned();
    }
    let ends_blank = kernel.is_empty() || kernel.ends_with(is_blank);
    let before = if ends_blank { "" } else { " " };
    let after = if init.is_empty() { "" } else { " " };
    format!("{kernel}{before}{text}{after}{init}")
}

/// The line without the parameters of a name, or, for `name=value`, without those with that value; and how many were
/// removed. Dashes and underscores in names are equivalent. Values are compared as the kernel sees them, without
/// quotes.
///
/// Removing a parameter also removes the blanks after it, or those before it at the end of the line. Everything else is
/// kept byte for byte, and text after `--` is not touched.
///
/// ```
/// use machine::command_line::edit::remove;
/// assert_eq!(remove("ro mem=1G  quiet", "mem"), ("ro quiet".into(), 1));
/// assert_eq!(remove("memmap=a memmap=b", "memmap=b"), ("memmap=a".into(), 1));
/// ```
pub fn remove(line: &str, parameter: &str) -> (String, usize) {
    // Parsed as the kernel does: its `=` may be part of the name.
    let wanted = words(parameter).next();
    let is_wanted = |word: &Word<'_>| {
        wanted.is_some_and(|wanted| {
            is_same_name(word.name, wanted.name) && wanted.value.is_none_or(|value| word.value == Some(value))
        })
    };
    let mut kept = String::with_capacity(line.len());
    let (mut at, mut count) = (0, 0_usize);
    for word in words(line).filter(is_wanted) {
        kept.push_str(line.get(at..word.at).unwrap_or_default());
        let after = line.get(word.at..).and_then(|rest| rest.strip_prefix(word.raw)).unwrap_or_default();
        at = line.len().saturating_sub(after.trim_start_matches(is_blank).len());
        count = count.saturating_add(1);
    }
    let rest = line.get(at..).unwrap_or_default();
    if count > 0 && rest.is_empty() {
        kept.truncate(kept.trim_end_matches(is_blank).len());
    }
    kept.push_str(rest);
    (kept, count)
}

/// The kernel's part, and init's part from `--` on.
fn halves(line: &str) -> (&str, &str) {
    let end = words(line).last().and_then(|word| word.at.checked_add(word.raw.len())).unwrap_or(0);
    let (_, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let init = rest.trim_start_matches(is_blank);
    line.split_at_checked(line.len().saturating_sub(init.len())).unwrap_or((line, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command_line::{has, parameters};

    #[test]
    fn inits_part_is_not_touched() {
        assert_eq!(append("quiet \"--\" mem=1G", "ro"), "quiet ro \"--\" mem=1G");
        assert_eq!(append("-- x", "ro"), "ro -- x");
        assert_eq!(remove("mem=1G -- mem=1G", "mem"), ("-- mem=1G".into(), 1));
    }

    #[test]
    fn appending_keeps_the_line() {
        assert_eq!(append("", "ro"), "ro");
        assert_eq!(append("a  b ", " ro "), "a  b ro");
        assert_eq!(append("a", " "), "a");
    }

    #[test]
    fn only_the_blanks_of_removed_parameters_are_removed() {
        assert_eq!(remove("a   mem=1G   b   c", "mem"), ("a   b   c".into(), 1));
        assert_eq!(remove("  mem=1G", "mem"), (String::new(), 1));
        assert_eq!(remove("a mem=1G ", "mem"), ("a".into(), 1));
        assert_eq!(remove("a  b ", "mem"), ("a  b ".into(), 0));
    }

    #[test]
    fn a_name_is_removed_as_the_kernel_reads_it() {
        assert_eq!(
            remove("movable-node \"movable_node\" movable_nodes", "movable_node"),
            ("movable_nodes".into(), 2)
        );
        assert_eq!(remove("mem=\"1G\" mem=2G mem", "mem=1G"), ("mem=2G mem".into(), 1));
        assert_eq!(remove("a b", ""), ("a b".into(), 0));
    }

    proptest! {
        #[test]
        fn no_parameter_of_the_name_is_left(line in "((mem|ab|\"mem|--)?[=\" \\t1é-]{0,3}){0,8}", name in "mem|ab") {
            let (left, count) = remove(&line, &name);
            prop_assert!(!has(&left, &name));
            let others = |line: &str| {
                parameters(line)
                    .filter(|(given, _)| *given != name)
                    .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(others(&left), others(&line));
            prop_assert_eq!(count, parameters(&line).filter(|(given, _)| *given == name).count());
        }

        #[test]
        fn appended_text_is_the_last_parameter(line in "((mem|ab|--)?[= \\t1é-]{0,3}){0,8}") {
            let appended = append(&line, "last=1");
            let mut all: Vec<_> = parameters(&appended).collect();
            prop_assert_eq!(all.pop(), Some(("last", Some("1"))));
            prop_assert_eq!(all, parameters(&line).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_panics_the_editor(line: String, text: String) {
            append(&line, &text);
            remove(&line, &text);
        }
    }
}
