//! The files of a load: opened once, so that what is planned, hashed, recorded and loaded is the same.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use evidence::record::RecordedFile;
use rules::Loader;
use sha2::{Digest, Sha256};

use super::order::Order;
use crate::commands::load::kernel_file::{self, KernelFile};
use crate::failure::Failure;

const CHUNK: usize = 1 << 20;

/// The kernel and its initial ramdisk.
pub(super) struct Files {
    pub(super) kernel: Opened,
    pub(super) initrd: Option<Opened>,
    /// The kernel that is packed into its file, if it is.
    unpacked: Option<Vec<u8>>,
    /// What the kernel's file is.
    pub(super) image: KernelFile,
}

/// A file and what is in it.
pub(super) struct Opened {
    /// Absolute, with no link in it: a later load is of the same file, even if a link then leads elsewhere.
    pub(super) path: PathBuf,
    file: File,
    /// What is in it; empty where only the kernel reads it, and memory may be short.
    pub(super) bytes: Vec<u8>,
    size: u64,
    sha256: String,
}

impl Files {
    pub(super) fn open(order: &Order) -> Result<Self, Failure> {
        let kernel = Opened::of("--kernel", &order.kernel, true)?;
        let unpacked = KernelFile::unpacked(&order.kernel, &kernel.bytes)?;
        let image = KernelFile::of_bytes(&order.kernel, unpacked.as_deref().unwrap_or(&kernel.bytes))?;
        let is_read = order.loader == Loader::KexecLoad;
        let initrd = order.beside.with.initrd.as_deref();
        let initrd = initrd.map(|path| Opened::of("--initrd", path, is_read)).transpose()?;
        Ok(Self { kernel, initrd, unpacked, image })
    }

    /// What is in them, with the kernel as it is loaded.
    pub(super) fn bytes(&self) -> kexec::Files<'_> {
        kexec::Files {
            kernel: self.unpacked.as_deref().unwrap_or(&self.kernel.bytes),
            initrd: self.initrd.as_ref().map(|file| file.bytes.as_slice()),
        }
    }

    /// Bytes of both.
    pub(super) fn size(&self) -> u64 {
        self.kernel.size.saturating_add(self.initrd.as_ref().map_or(0, |file| file.size))
    }
}

impl Opened {
    fn of(option: &'static str, path: &Path, keep: bool) -> Result<Self, Failure> {
        kernel_file::size_of(option, path)?;
        let failure = |source| Failure::Given { option, path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failure)?;
        let (mut bytes, mut size, mut hash) = (Vec::new(), 0_u64, Sha256::new());
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failure(error)),
            };
            let read = chunk.get(..count).unwrap_or_default();
            hash.update(read);
            size = size.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if keep {
                bytes.extend_from_slice(read);
            }
        }
        let path = path.canonicalize().map_err(failure)?;
        Ok(Self { path, file, bytes, size, sha256: hex(&hash.finalize()) })
    }

    /// For the kernel, which reads from the file's beginning, whatever was read of it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(super) fn recorded(&self) -> RecordedFile {
        RecordedFile { path: self.path.display().to_string(), size: self.size, sha256: self.sha256.clone() }
    }
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
