//! Physical memory through `/proc/kcore`, an ELF core file of the running kernel's address space.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use evidence::armed::Memory;
use evidence::running::kcore::{Segment, headers_size, segments};
use memblock::PhysRange;

/// The open file and where it shows physical memory.
pub(crate) struct Kcore {
    file: File,
    segments: Vec<Segment>,
}

impl Kcore {
    /// Opens the file and reads its program headers.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let segments = segments(&headers(&file)?);
        let segments =
            segments.ok_or_else(|| io::Error::other("not an ELF core file of 64 bits, little endian"))?;
        Ok(Self { file, segments })
    }
}

/// The headers at the start, and no byte of memory behind them.
pub(crate) fn headers(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64];
    file.read_exact(&mut bytes)?;
    // At most 64 Ki program headers; whoever reads them says what is wrong with a size that is none.
    let size = headers_size(&bytes).unwrap_or(bytes.len()).min(8 << 20);
    let mut rest = vec![0; size.saturating_sub(bytes.len())];
    file.read_exact(&mut rest)?;
    bytes.extend(rest);
    Ok(bytes)
}

impl Memory for Kcore {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
        let none = || format!("/proc/kcore does not show the memory at {at:#x}");
        let wanted = PhysRange::from_size(at, into.len() as u64).map_err(|_| none())?;
        let around = self.segments.iter().find(|segment| segment.memory.encloses(wanted)).ok_or_else(none)?;
        let into_it = at.checked_sub(around.memory.start());
        let offset = into_it.and_then(|bytes| around.file_offset.checked_add(bytes)).ok_or_else(none)?;
        self.file
            .read_exact_at(into, offset)
            .map_err(|error| format!("/proc/kcore: the memory at {at:#x} cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one segment for each physical address, which lies at these offsets.
    fn written(name: &str, segments: &[(u64, u64, u64)], size: usize) -> std::path::PathBuf {
        let mut bytes = vec![0_u8; size];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x10] = 4;
        bytes[0x20] = 64;
        bytes[0x36] = 56;
        bytes[0x38] = u8::try_from(segments.len()).unwrap();
        for (index, (physical, offset, length)) in segments.iter().enumerate() {
            let header = &mut bytes[64 + 56 * index..][..56];
            header[0] = 1;
            header[0x08..0x10].copy_from_slice(&offset.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&physical.to_le_bytes());
            header[0x28..0x30].copy_from_slice(&length.to_le_bytes());
        }
        let path = std::env::temp_dir().join(format!("physmem-kcore-{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn memory_is_found_by_its_physical_address_and_segments_without_one_are_passed_over() {
        let segments = [(u64::MAX, 0x100, 0x1000), (0x6000_0000, 0x800, 0x800)];
        let path = written("place", &segments, 0x1000);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0x810..0x814].copy_from_slice(b"here");
        std::fs::write(&path, bytes).unwrap();
        let mut kcore = Kcore::open(&path).unwrap();
        let mut into = [0; 4];
        kcore.read(0x6000_0010, &mut into).unwrap();
        assert_eq!(&into, b"here");
        assert!(kcore.read(0x6000_07fe, &mut into).unwrap_err().contains("0x600007fe"));
        assert!(kcore.read(0x1000, &mut into).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_none_or_ends_early_is_an_error() {
        let path = written("short", &[(0x6000_0000, 0x2000, 0x800)], 0x100);
        let mut kcore = Kcore::open(&path).unwrap();
        assert!(kcore.read(0x6000_0000, &mut [0; 4]).unwrap_err().contains("cannot be read"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0x38] = 200;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Kcore::open(&path).is_err());
        bytes[0] = 0;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Kcore::open(&path).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn only_the_headers_are_read() {
        let path = written("headers", &[(0x6000_0000, 0x800, 0x800)], 120 + 6);
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(headers(&whole[..]).unwrap(), &whole[..120]);
        assert!(headers(&whole[..100]).is_err());
        assert_eq!(headers(&[0; 70][..]).unwrap().len(), 64);
    }
}
