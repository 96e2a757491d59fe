//! kexec_load(2), kexec_file_load(2), and reboot(2) with LINUX_REBOOT_CMD_KEXEC.
//!
//! Numbers of flags: include/uapi/linux/kexec.h (6.12; KEXEC_FILE_NO_CMA 6.17).
#![allow(unsafe_code)] // For the two calls that load, here only.

use std::os::fd::AsRawFd;

use evidence::Purpose;
// libc does not have the numbers of both for every architecture.
use linux_raw_sys::general::{__NR_kexec_file_load, __NR_kexec_load};
use nix::libc::{c_char, c_long, c_ulong, c_void, syscall};
use rustix::io::Errno;
use rustix::system::RebootCommand;

use super::image::{Image, Piece};

/// KEXEC_ON_CRASH. The upper half, the architecture, stays 0: that of the running kernel.
const ON_CRASH: c_ulong = 1;
/// KEXEC_UPDATE_ELFCOREHDR (6.6): nothing checks the header, so the kernel may rebuild it.
const UPDATE_ELFCOREHDR: c_ulong = 4;
const FILE_UNLOAD: c_ulong = 1;
const FILE_ON_CRASH: c_ulong = 2;
const FILE_NO_INITRAMFS: c_ulong = 4;
const FILE_NO_CMA: c_ulong = 0x10;

const FILE_LOAD: c_long = __NR_kexec_file_load as c_long;
const LOAD: c_long = __NR_kexec_load as c_long;

/// `struct kexec_segment`.
#[repr(C)]
struct Segment {
    buf: *const c_void,
    bufsz: usize,
    mem: *const c_void,
    memsz: usize,
}

/// Loads an image. One that was loaded before for the same purpose is forgotten: for a crash even if this fails.
///
/// # Errors
/// The call's error.
pub fn load(purpose: Purpose, image: Image<'_>) -> Result<(), Errno> {
    match image {
        Image::Files { kernel, initrd, command_line, no_cma } => {
            let flags = on_crash(purpose, FILE_ON_CRASH)
                | if initrd.is_none() { FILE_NO_INITRAMFS } else { 0 }
                | if no_cma { FILE_NO_CMA } else { 0 };
            let initrd = initrd.map_or(-1, |file| file.as_raw_fd());
            let line = command_line.to_bytes_with_nul();
            // SAFETY: (1) both descriptors are borrowed for the call, or -1; (2) `line` is read only, as many bytes as
            // it has, and lives for the call; the kernel keeps copies of all.
            let result = unsafe {
                syscall(
                    FILE_LOAD,
                    c_long::from(kernel.as_raw_fd()),
                    c_long::from(initrd),
                    line.len() as c_ulong,
                    line.as_ptr().cast::<c_char>(),
                    flags,
                )
            };
            outcome(result)
        }
        Image::Pieces { entry, pieces, header_may_change } => {
            let segments = pieces.iter().map(segment).collect::<Result<Vec<_>, _>>()?;
            let flags = on_crash(purpose, ON_CRASH)
                | if header_may_change { on_crash(purpose, UPDATE_ELFCOREHDR) } else { 0 };
            load_segments(entry, &segments, flags)
        }
    }
}

/// Forgets the image; that none is loaded is no error.
///
/// # Errors
/// The call's error.
pub fn unload(purpose: Purpose) -> Result<(), Errno> {
    let flags = FILE_UNLOAD | on_crash(purpose, FILE_ON_CRASH);
    // SAFETY: (3) with KEXEC_FILE_UNLOAD the kernel looks at neither the files nor the line.
    let result = unsafe {
        syscall(
            FILE_LOAD,
            c_long::from(-1),
            c_long::from(-1),
            0 as c_ulong,
            std::ptr::null::<c_char>(),
            flags,
        )
    };
    match outcome(result) {
        // A kernel without kexec_file_load. The other call unloads when it gets no segment, whoever loaded.
        Err(Errno::NOSYS) => load_segments(0, &[], on_crash(purpose, ON_CRASH)),
        outcome => outcome,
    }
}

/// Writes back what is cached for files, then starts the image that is loaded for a reboot, at once.
pub(super) fn reboot() -> Result<(), Errno> {
    rustix::fs::sync();
    rustix::system::reboot(RebootCommand::Kexec)
}

const fn on_crash(purpose: Purpose, flag: c_ulong) -> c_ulong {
    match purpose {
        Purpose::Reboot => 0,
        Purpose::Crash => flag,
    }
}

fn segment(piece: &Piece<'_>) -> Result<Segment, Errno> {
    let number = |value: u64| usize::try_from(value).map_err(|_| Errno::INVAL);
    Ok(Segment {
        buf: piece.bytes.as_ptr().cast(),
        bufsz: piece.bytes.len(),
        // An address of physical memory, which is only a number here.
        mem: std::ptr::without_provenance(number(piece.range.start())?),
        memsz: number(piece.range.size())?,
    })
}

fn load_segments(entry: u64, segments: &[Segment], flags: c_ulong) -> Result<(), Errno> {
    let entry = c_ulong::try_from(entry).map_err(|_| Errno::INVAL)?;
    // SAFETY: (4) the kernel reads as many segments as it is told of, and of each `bufsz` bytes at `buf`; both come from
    // slices that are borrowed for the call. (5) It copies them. (6) What it overwrites at `mem` later, when the image is
    // started, ends this program with all others.
    let result = unsafe { syscall(LOAD, entry, segments.len() as c_ulong, segments.as_ptr(), flags) };
    outcome(result)
}

fn outcome(result: c_long) -> Result<(), Errno> {
    if result == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}
