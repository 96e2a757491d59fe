//! Starts what is loaded for a reboot.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::thread::CapabilitySet;

use super::calls;

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
pub fn start(how: Start) -> Result<(), String> {
    match how {
        Start::AtOnce => calls::reboot().map_err(|errno| match errno {
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
