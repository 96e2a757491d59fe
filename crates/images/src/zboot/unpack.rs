//! Unpacking the kernel of a zboot image, within a limit.

use std::io::{self, Read};

use super::{Compression, Zboot};
use crate::decompress::Format;

/// Why a zboot image's kernel cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is compressed in a way that is not unpacked here.
    #[error("byte 0x18: the kernel is compressed with {name:?}, expected gzip, xz (xzkern) or zstd (zstd22)")]
    Compression {
        /// The name in the header.
        name: String,
    },
    /// The kernel has more bytes than the caller allows.
    #[error("byte {offset:#x}: the unpacked kernel has more than the {limit} bytes that were allowed")]
    TooLarge {
        /// Where the payload begins in the file.
        offset: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// The compressed data are damaged, or not of the kind that the header names.
    #[error("byte {offset:#x}: the payload cannot be unpacked as {compression}: {source}")]
    Damaged {
        /// Where the payload begins in the file.
        offset: usize,
        /// What it was expected to be.
        compression: &'static str,
        /// What is wrong, in the decoder's words.
        source: io::Error,
    },
}

impl Zboot<'_> {
    /// The kernel, unpacked; checksums are compared where the format has them. What follows the compressed
    /// data inside the payload is not looked at: Linux's build appends the size there.
    ///
    /// Memory: the kernel's size, at most `limit` bytes, and a decoder's window of at most 256 MiB.
    ///
    /// # Errors
    ///
    /// [`UnpackError::Compression`] for one that is not known here, [`UnpackError::TooLarge`] when the kernel
    /// has more than `limit` bytes, [`UnpackError::Damaged`] for anything that the decoder refuses.
    pub fn unpack(&self, limit: u64) -> Result<Vec<u8>, UnpackError> {
        let offset = self.offset;
        let (compression, format) = match self.compression {
            Compression::Gzip => ("gzip", Format::Gzip),
            Compression::Xz => ("xz", Format::Xz),
            Compression::Zstd => ("zstd", Format::Zstd),
            Compression::Other(name) => return Err(UnpackError::Compression { name: name.to_owned() }),
        };
        let unpacked = read(format.first(self.payload), limit);
        let unpacked = unpacked.map_err(|source| UnpackError::Damaged { offset, compression, source })?;
        unpacked.ok_or(UnpackError::TooLarge { offset, limit })
    }
}

/// Everything from `decoder`; `None` when that is more than `limit`.
fn read(decoder: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut unpacked = Vec::new();
    // One byte more shows that there was more.
    decoder.take(limit.saturating_add(1)).read_to_end(&mut unpacked)?;
    Ok(Some(unpacked).filter(|unpacked| unpacked.len() as u64 <= limit))
}
