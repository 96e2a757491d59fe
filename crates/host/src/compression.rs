//! Decompression, recognised by a file's first bytes: a capture's name proves nothing.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// An xz dictionary may be up to 4 GiB by its header; `xz -9` uses 64 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// The bytes behind whatever compression `input` uses, none included.
pub(crate) fn decompress<'a>(input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    // Not `fill_buf`: it may return fewer bytes than a magic number has.
    let mut start = Vec::with_capacity(6);
    let mut input = input;
    input.by_ref().take(6).read_to_end(&mut start)?;
    let input = BufReader::with_capacity(64 << 10, io::Cursor::new(start.clone()).chain(input));
    Ok(match start.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(Gzip { member: Some(GzDecoder::new(Peeked::new(input))) }),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
        // A skippable frame may come first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(Zstd { input, decoder: FrameDecoder::new(), in_frame: false })
        }
        _ => Box::new(input),
    })
}

/// All members of a gzip stream, one after the other. Whatever follows them that is no member is not read, as
/// `gzip -d` does: tapes and block devices fill a file up with zeros.
struct Gzip<R> {
    member: Option<GzDecoder<Peeked<R>>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            // At a member's end its checksum has been compared.
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

/// An input of which two bytes may have been looked at.
struct Peeked<R> {
    start: [u8; 2],
    left: usize,
    input: R,
}

impl<R: BufRead> Peeked<R> {
    fn new(input: R) -> Self {
        Self { start: [0; 2], left: 0, input }
    }

    /// Whether the input goes on with these two bytes, which are then still there. Fewer than two bytes that
    /// are left are gone.
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

/// All frames of a zstd stream, one after the other.
struct Zstd<R> {
    input: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Goes on to the next frame, if there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.reset(&mut self.input) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = u64::from(length);
                if io::copy(&mut self.input.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(invalid(error)),
        }
        Ok(true)
    }

    /// The decoder computes the frame's checksum, but leaves it to its user to compare.
    fn finish_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let (stored, computed) =
            (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match (stored, computed) {
            (Some(stored), Some(computed)) if stored != computed => {
                Err(invalid("a zstd frame's checksum does not match its content"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    self.decoder
                        .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                        .map_err(invalid)?;
                }
                let count = self.decoder.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.finish_frame()?;
            }
            if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
