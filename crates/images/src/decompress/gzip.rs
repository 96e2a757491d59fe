//! Several gzip members in one stream.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// All members of a gzip stream. Anything after them is ignored, as `gzip -d` does: tapes and block devices pad a
/// file with zeros.
pub(super) struct Members<R> {
    member: Option<GzDecoder<Peeked<R>>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(Peeked::new(input))) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            // The decoder has verified the member's checksum by now.
            let mut input = self.member.take().map(GzDecoder::into_inner);
            if let Some(input) = &mut input
                && !input.begins_with([0x1f, 0x8b])?
            {
                return Ok(0);
            }
            self.member = input.map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// An input with up to two bytes peeked.
struct Peeked<R> {
    start: [u8; 2],
    left: usize,
    input: R,
}

impl<R: BufRead> Peeked<R> {
    fn new(input: R) -> Self {
        Self { start: [0; 2], left: 0, input }
    }

    /// Whether the input goes on with these two bytes. If so, they stay unread; otherwise they are consumed.
    fn begins_with(&mut self, magic: [u8; 2]) -> io::Result<bool> {
        let mut start = Vec::with_capacity(magic.len());
        self.by_ref().take(2).read_to_end(&mut start)?;
        let found = start == magic;
        if found {
            (self.start, self.left) = (magic, magic.len());
        }
        Ok(found)
    }
}

impl<R: BufRead> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Peeked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.start.get(self.start.len().saturating_sub(self.left)..) {
            Some(rest) if !rest.is_empty() => Ok(rest),
            _ => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        if self.left > 0 {
            self.left = self.left.saturating_sub(count);
        } else {
            self.input.consume(count);
        }
    }
}
