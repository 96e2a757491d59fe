//! Decompression: gzip, bzip2, xz and zstd streams.
//!
//! A stream may hold several members one after the other (gzip members, bzip2 and xz streams, zstd frames).
//! [`Format::all`] reads them all; [`Format::first`] stops after the first and ignores whatever follows it.

use std::io::{BufRead, Read};

use bzip2::bufread::{BzDecoder, MultiBzDecoder};
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

mod gzip;
mod zstd;

/// An xz header may ask for a dictionary of up to 4 GiB. `xz -9` uses 64 MiB, Linux's build at most 128 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// A compression format.
///
/// ```
/// use std::io::Read;
///
/// use images::decompress::Format;
///
/// assert_eq!(Format::of(b"\x1f\x8b\x08\x00"), Some(Format::Gzip));
/// assert_eq!(Format::of(b"MZ"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// The .bz2 file format. Its blocks hold at most 900 kB, so it needs no limit of memory.
    Bzip2,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Format {
    /// The number of bytes [`of`](Self::of) needs to recognize any format.
    pub const MAGIC_LEN: usize = 6;

    /// The format of a stream that begins with `start`; `None` if it is none of these.
    pub const fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A skippable frame may come first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses the first member of `input`. Whatever follows it is ignored.
    ///
    /// Checksums are verified where the format has them. A zstd stream must begin with a data frame, not a
    /// skippable one.
    pub fn first<'a>(self, input: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Gzip => Box::new(GzDecoder::new(input)),
            Self::Bzip2 => Box::new(BzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, false, XZ_MEMORY_KIB)),
            Self::Zstd => Box::new(zstd::Frame::new(input)),
        }
    }

    /// Decompresses all members of `input`.
    ///
    /// Checksums are verified where the format has them. Trailing bytes after the last gzip member are
    /// ignored, as `gzip -d` does.
    pub fn all<'a>(self, input: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Gzip => Box::new(gzip::Members::new(input)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
            Self::Zstd => Box::new(zstd::Frames::new(input)),
        }
    }
}

#[cfg(test)]
mod tests;
