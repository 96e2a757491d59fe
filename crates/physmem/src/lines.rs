//! Lines of text that fit the width of every report.

use std::io::Write;

use textwrap::{Options, WordSplitter};

use crate::failure::Failure;

/// What no report exceeds.
pub(crate) const WIDTH: usize = 100;

/// Prints a text broken into lines: `first` before it, `next` before what does not fit.
pub(crate) fn wrapped(out: &mut impl Write, first: &str, next: &str, text: &str) -> Result<(), Failure> {
    let options = Options::new(WIDTH).initial_indent(first).subsequent_indent(next);
    // A range is one word.
    let options = options.word_splitter(WordSplitter::NoHyphenation);
    for line in textwrap::wrap(text, options) {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A table of texts: columns as wide as their widest cell, one blank between, numbers to the right.
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
