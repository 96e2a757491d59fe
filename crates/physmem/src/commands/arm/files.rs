//! The files of a load: opened once, so that what is planned, hashed, recorded and loaded is the same.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use evidence::record::RecordedFile;
use sha2::{Digest, Sha256};

use super::order::Order;
use crate::commands::load::kernel_file::{self, KernelFile};
use crate::failure::Failure;

/// The kernel and its initial ramdisk.
pub(super) struct Files {
    pub(super) kernel: Opened,
    pub(super) initrd: Option<Opened>,
    /// What the kernel's file is.
    pub(super) image: KernelFile,
}

/// A file and what is in it.
pub(super) struct Opened {
    /// Absolute, with no link in it: a later load is of the same file, even if a link then leads elsewhere.
    pub(super) path: PathBuf,
    file: File,
    pub(super) bytes: Vec<u8>,
}

impl Files {
    pub(super) fn open(order: &Order) -> Result<Self, Failure> {
        let kernel = Opened::of("--kernel", &order.kernel)?;
        let image = KernelFile::of_bytes(&order.kernel, &kernel.bytes)?;
        let initrd = order.beside.initrd.as_deref().map(|path| Opened::of("--initrd", path)).transpose()?;
        Ok(Self { kernel, initrd, image })
    }

    /// What is in them.
    pub(super) fn bytes(&self) -> kexec::Files<'_> {
        kexec::Files {
            kernel: &self.kernel.bytes,
            initrd: self.initrd.as_ref().map(|file| file.bytes.as_slice()),
        }
    }

    /// Bytes of both.
    pub(super) fn size(&self) -> u64 {
        let size = |file: &Opened| u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        size(&self.kernel).saturating_add(self.initrd.as_ref().map_or(0, size))
    }
}

impl Opened {
    fn of(option: &'static str, path: &Path) -> Result<Self, Failure> {
        kernel_file::size_of(option, path)?;
        let failure = |source| Failure::Given { option, path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failure)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failure)?;
        let path = path.canonicalize().map_err(failure)?;
        Ok(Self { path, file, bytes })
    }

    /// For the kernel, which reads from the file's beginning, whatever was read of it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(super) fn recorded(&self) -> RecordedFile {
        RecordedFile {
            path: self.path.display().to_string(),
            size: u64::try_from(self.bytes.len()).unwrap_or(u64::MAX),
            sha256: hex(&Sha256::digest(&self.bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
