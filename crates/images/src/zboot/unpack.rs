//! Unpacking the kernel of a zboot image, within a limit.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

use super::{Compression, Zboot};

/// An xz dictionary may be up to 4 GiB by its header; Linux's build uses 128 MiB at most.
const XZ_MEMORY_KIB: u32 = 256 << 10;

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
        let (compression, unpacked) = match self.compression {
            Compression::Gzip => ("gzip", read(GzDecoder::new(self.payload), limit)),
            Compression::Xz => {
                ("xz", read(XzReader::new_mem_limit(self.payload, false, XZ_MEMORY_KIB), limit))
            }
            Compression::Zstd => ("zstd", zstd(self.payload, limit)),
            Compression::Other(name) => return Err(UnpackError::Compression { name: name.to_owned() }),
        };
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

/// The decoder computes the frame's checksum, but leaves it to its user to compare.
fn zstd(payload: &[u8], limit: u64) -> io::Result<Option<Vec<u8>>> {
    let invalid =
        |error: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut decoder = StreamingDecoder::new(payload).map_err(|error| invalid(error.into()))?;
    let unpacked = read(&mut decoder, limit)?;
    let frame = &decoder.decoder;
    match (frame.get_checksum_from_data(), frame.get_calculated_checksum()) {
        (Some(stored), Some(computed)) if unpacked.is_some() && stored != computed => {
            Err(invalid("the checksum does not match the content".into()))
        }
        _ => Ok(unpacked),
    }
}
