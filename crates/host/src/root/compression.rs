//! Decompression of a capture, by its first bytes: its name proves nothing.

use std::io::{self, BufReader, Read};

use images::decompress::Format;

/// `input` decompressed, or as it is if it is not compressed.
pub(crate) fn decompress<'a>(mut input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    // Not `fill_buf`: it may return fewer bytes than a magic number has.
    let mut start = Vec::with_capacity(Format::MAGIC_LEN);
    input.by_ref().take(Format::MAGIC_LEN as u64).read_to_end(&mut start)?;
    let format = Format::of(&start);
    let input = BufReader::with_capacity(64 << 10, io::Cursor::new(start).chain(input));
    Ok(match format {
        Some(format) => format.all(input),
        None => Box::new(input),
    })
}
