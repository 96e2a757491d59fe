//! Text wrapped to the width of a report.

use std::borrow::Cow;
use std::io::Write;

use textwrap::{Options, WordSplitter};

use crate::failure::Failure;

/// The width of a report.
pub(crate) const WIDTH: usize = 100;

/// Prints wrapped text: `first` before the first line, `next` before the others.
pub(crate) fn wrapped(out: &mut impl Write, first: &str, next: &str, text: &str) -> Result<(), Failure> {
    for line in broken(first, next, text) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Like [`wrapped`], after a label that may be painted: the paint takes no columns.
pub(crate) fn labelled(
    out: &mut impl Write,
    (label, painted): (&str, &str),
    next: &str,
    text: &str,
) -> Result<(), Failure> {
    let first = format!("{label} ");
    for (index, line) in broken(&first, next, text).iter().enumerate() {
        match line.strip_prefix(&first).filter(|_| index == 0) {
            Some(rest) => writeln!(out, "{painted} {rest}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn broken(first: &str, next: &str, text: &str) -> Vec<String> {
    let options = Options::new(WIDTH).initial_indent(first).subsequent_indent(next);
    // A range is one word.
    let options = options.word_splitter(WordSplitter::NoHyphenation);
    let text = printable(text);
    textwrap::wrap(&text, options).iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Escapes characters that control a terminal: parts of the text, such as a command line or a log, may come from an
/// untrusted capture.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Prints a table: columns as wide as their widest cell, one space apart, numbers aligned right.
pub(crate) fn table(
    out: &mut impl Write,
    heads: &[(&str, bool)],
    rows: &[Vec<String>],
) -> Result<(), Failure> {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(index, (head, _))| {
            let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
            cells.chain([head.len()]).max().unwrap_or(0)
        })
        .collect();
    let head: Vec<String> = heads.iter().map(|(head, _)| (*head).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for ((cell, (_, is_number)), width) in row.iter().zip(heads).zip(&widths) {
            let width = *width;
            let cell = if *is_number { format!("{cell:>width$} ") } else { format!("{cell:width$} ") };
            line.push_str(&cell);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_cannot_control_the_terminal() {
        assert_eq!(printable("quiet"), "quiet");
        assert_eq!(printable("a\u{1b}[31mb\nc\td\u{7f}\u{9b}"), "a\\u{1b}[31mb\\nc\\td\\u{7f}\\u{9b}");
        let mut out = Vec::new();
        wrapped(&mut out, "  ", "  ", "x \u{1b}]0;title\u{7}").unwrap();
        assert_eq!(out, b"  x \\u{1b}]0;title\\u{7}\n");
    }

    #[test]
    fn the_paint_of_a_label_takes_no_columns() {
        let text = "word ".repeat(30);
        let lines = |painted: &str| {
            let mut out = Vec::new();
            labelled(&mut out, ("unknown:", painted), "  ", &text).unwrap();
            String::from_utf8(out).unwrap()
        };
        let plain = lines("unknown:");
        assert_eq!(
            lines("\u{1b}[1munknown:\u{1b}[0m").replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""),
            plain
        );
        assert!(plain.lines().count() == 2 && plain.lines().all(|line| line.len() <= WIDTH), "{plain}");
    }
}
