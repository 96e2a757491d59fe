//! An image, as a system call takes it.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use memblock::PhysRange;

/// An image to load.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// By kexec_file_load: the kernel reads the files and places what is in them.
    Files {
        /// The kernel.
        kernel: BorrowedFd<'a>,
        /// Its initial ramdisk.
        initrd: Option<BorrowedFd<'a>>,
        /// Its command line.
        command_line: &'a CStr,
        /// Keep out of contiguous memory areas: KEXEC_FILE_NO_CMA (6.17).
        no_cma: bool,
    },
    /// By kexec_load: what to put where.
    Pieces {
        /// Physical address of the first instruction.
        entry: u64,
        /// The segments; at most 16, in whole pages, without overlap.
        pieces: &'a [Piece<'a>],
        /// Whether the kernel may rebuild the dump's header when memory comes or goes. Only kernels that have
        /// `/sys/kernel/crash_elfcorehdr_size` know this (6.6); others refuse it with EINVAL.
        header_may_change: bool,
    },
}

/// A segment and its contents.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Where it lies when the kernel starts.
    pub range: PhysRange,
    /// What it begins with; the rest is zeroed.
    pub bytes: &'a [u8],
}
