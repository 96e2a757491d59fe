//! zstd frames, with their checksums verified: the decoder computes a checksum but leaves the comparison to its user.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The first frame of a stream.
pub(super) struct Frame<R> {
    frames: Reader<R>,
    is_begun: bool,
}

impl<R: Read> Frame<R> {
    pub(super) fn new(input: R) -> Self {
        Self { frames: Reader::new(input), is_begun: false }
    }
}

impl<R: Read> Read for Frame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_begun {
            self.frames.begin().map_err(invalid)?;
            self.is_begun = true;
        }
        self.frames.read_frame(buffer, "the checksum does not match the content")
    }
}

/// All frames of a stream, one after the other.
pub(super) struct Frames<R> {
    frames: Reader<R>,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(input: R) -> Self {
        Self { frames: Reader::new(input) }
    }

    /// Goes on to the next frame, if there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        let frames = &mut self.frames;
        if frames.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match frames.begin() {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = u64::from(length);
                if io::copy(&mut frames.input.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(invalid(error)),
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count =
                self.frames.read_frame(buffer, "a zstd frame's checksum does not match its content")?;
            if count > 0 || !self.next_frame()? {
                return Ok(count);
            }
        }
    }
}

/// A decoder, at a frame or between two.
struct Reader<R> {
    input: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: Read> Reader<R> {
    fn new(input: R) -> Self {
        Self { input, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Reads a frame's header.
    fn begin(&mut self) -> Result<(), FrameDecoderError> {
        self.decoder.reset(&mut self.input)?;
        self.in_frame = true;
        Ok(())
    }

    /// Reads on in the frame; 0 bytes at its end, or between frames.
    fn read_frame(&mut self, buffer: &mut [u8], wrong_checksum: &str) -> io::Result<usize> {
        if !self.in_frame || buffer.is_empty() {
            return Ok(0);
        }
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            self.decoder
                .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(invalid)?;
        }
        let count = self.decoder.read(buffer)?;
        if count == 0 {
            self.in_frame = false;
            match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
                (Some(stored), Some(computed)) if stored != computed => return Err(invalid(wrong_checksum)),
                _ => {}
            }
        }
        Ok(count)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
