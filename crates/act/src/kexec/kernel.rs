//! What is asked of a kernel: to load an image, to forget it, to start it.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use evidence::Purpose;
use memblock::PhysRange;
use rustix::io::Errno;
use rustix::thread::CapabilitySet;

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

/// The system calls. Tests put a kernel of their own in the place of [`Linux`](super::Linux).
pub trait Kernel {
    /// Loads an image. One that was loaded before for the same purpose is forgotten: for a crash even if this fails.
    ///
    /// # Errors
    /// The call's error.
    fn load(&self, purpose: Purpose, image: Image<'_>) -> Result<(), Errno>;
    /// Forgets the image; that none is loaded is no error.
    ///
    /// # Errors
    /// The call's error.
    fn unload(&self, purpose: Purpose) -> Result<(), Errno>;
    /// Writes back what is cached for files, then starts the image that is loaded for a reboot, at once: no service is
    /// stopped and nothing is unmounted.
    ///
    /// # Errors
    /// The call's error; otherwise it does not return.
    fn reboot(&self) -> Result<(), Errno>;
}

/// Whether this process has CAP_SYS_BOOT, without which no image is loaded or started.
pub fn may_boot() -> bool {
    let sets = rustix::thread::capabilities(None);
    sets.is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_BOOT))
}

/// How the loaded kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// By `systemctl kexec`: systemd stops the services and unmounts, and then starts the kernel.
    Systemd,
    /// By the system call alone.
    AtOnce,
}

impl Start {
    /// How this machine is restarted: systemd keeps `/run/systemd/system` while it runs (sd_booted(3)).
    pub fn of(root: &Path) -> Self {
        if root.join("run/systemd/system").is_dir() { Self::Systemd } else { Self::AtOnce }
    }
}

/// Starts the kernel that is loaded for a reboot. Returns only where systemd does it, or where it failed.
///
/// # Errors
/// A sentence.
pub fn start(kernel: &impl Kernel, how: Start) -> Result<(), String> {
    match how {
        Start::AtOnce => kernel.reboot().map_err(|errno| match errno {
            Errno::PERM => {
                "reboot(LINUX_REBOOT_CMD_KEXEC): EPERM: it needs CAP_SYS_BOOT: run as root".to_owned()
            }
            Errno::INVAL => {
                "reboot(LINUX_REBOOT_CMD_KEXEC): EINVAL: no kernel is loaded, or this kernel has no kexec"
                    .to_owned()
            }
            Errno::BUSY => {
                "reboot(LINUX_REBOOT_CMD_KEXEC): EBUSY: another program is loading a kernel: try again"
                    .to_owned()
            }
            errno => format!("reboot(LINUX_REBOOT_CMD_KEXEC): {errno}"),
        }),
        Start::Systemd => {
            let ran = Command::new("systemctl").arg("kexec").stdin(Stdio::null()).status();
            match ran {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("systemctl kexec: {status}")),
                Err(error) => Err(format!("systemctl kexec cannot be run: {error}")),
            }
        }
    }
}
