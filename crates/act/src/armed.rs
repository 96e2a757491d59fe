//! What kexec and kdump need when memory comes or goes.
//!
//! Sources: kernel/crash_core.c:crash_handle_hotplug_event, kernel/kexec_core.c:kernel_kexec (6.12); that the header is not
//! rebuilt when memory is removed was seen on real kernels (captures/x86/h1-repair).

use crate::blocks::Blocks;
use crate::change::Change;

/// What is loaded, and whether the kernel keeps it up to date. `None` where no file shows it: a kernel without kexec has
/// none of these files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Armed {
    /// `kexec_loaded`: a kernel waits for a reboot by kexec.
    pub kexec: Option<bool>,
    /// `kexec_crash_loaded`: a kernel waits for a crash.
    pub kdump: Option<bool>,
    /// `crash_hotplug`: whether the kernel rebuilds the crash header itself when a block goes online or offline.
    pub crash_hotplug: Option<bool>,
}

/// What is to be done about a loaded kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// What holds now, or is to be done now.
    pub now: &'static str,
    /// What is to be done once memory that went offline has been removed; `None` if nothing is.
    pub after_removal: Option<&'static str>,
}

impl Blocks {
    /// What is loaded for kexec and kdump.
    pub fn armed(&self) -> Armed {
        let flag = |paths: &[&str]| {
            let text = paths.iter().find_map(|path| self.files.read(path).ok())?;
            match text.trim() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            }
        };
        // First where Linux 6.19 has them.
        Armed {
            kexec: flag(&["sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"]),
            kdump: flag(&["sys/kernel/kexec/crash_loaded", "sys/kernel/kexec_crash_loaded"]),
            crash_hotplug: flag(&["sys/devices/system/memory/crash_hotplug"]),
        }
    }
}

impl Armed {
    /// What a kernel that is loaded for a reboot needs after the change.
    pub fn kexec_need(self, change: Change) -> Need {
        match (self.kexec, change) {
            (None, _) => Need {
                now: "no file shows whether a kernel is loaded; a kernel without kexec has none",
                after_removal: None,
            },
            (Some(false), _) => Need { now: "no kernel is loaded", after_removal: None },
            (Some(true), Change::Offline) => Need {
                now: "the loaded kernel stays good while the memory is only offline",
                after_removal: Some(
                    "load it again once the memory is gone from /proc/iomem: it may lie there, and nothing in the kernel \
                     warns",
                ),
            },
            (Some(true), Change::Online(_)) => Need {
                now: "the loaded kernel is told about the memory that was there when it was loaded: load it again if this \
                      memory was added later",
                after_removal: None,
            },
        }
    }

    /// What a kernel that is loaded for a crash needs after the change.
    pub fn kdump_need(self, change: Change) -> Need {
        match (self.kdump, self.crash_hotplug, change) {
            (None, ..) => Need {
                now: "no file shows whether a kernel is loaded; a kernel without kexec has none",
                after_removal: None,
            },
            (Some(false), ..) => Need { now: "no crash kernel is loaded", after_removal: None },
            (_, Some(true), Change::Offline) => Need {
                now: "the kernel itself rebuilds the crash header when a block goes offline (crash_hotplug is 1), while the memory is still there",
                after_removal: Some(
                    "load the crash kernel again once the memory is gone from /proc/iomem; the kernel does not rebuild its \
                     header then, and a udev rule that skips the reload where crash_hotplug is 1 leaves it wrong",
                ),
            },
            (_, Some(true), Change::Online(_)) => Need {
                now: "the kernel itself rebuilds the crash header when a block goes online (crash_hotplug is 1): nothing is to be done",
                after_removal: None,
            },
            (_, Some(false), Change::Offline) => Need {
                now: "the kernel does not rebuild the crash header (crash_hotplug is 0); while the memory is only offline, \
                      it stays good",
                after_removal: Some(REMOVED),
            },
            (_, None, Change::Offline) => Need {
                now: "this kernel never rebuilds a crash header (it has no crash_hotplug); while the memory is only offline, \
                      it stays good",
                after_removal: Some(REMOVED),
            },
            (_, Some(false), Change::Online(_)) => Need {
                now: "the kernel does not rebuild the crash header (crash_hotplug is 0): load the crash kernel again now, or a \
                      dump misses memory that was added since it was loaded",
                after_removal: None,
            },
            (_, None, Change::Online(_)) => Need {
                now: "this kernel never rebuilds a crash header (it has no crash_hotplug): load the crash kernel again now, or \
                      a dump misses memory that was added since it was loaded",
                after_removal: None,
            },
        }
    }
}

const REMOVED: &str = "load the crash kernel again once the memory is gone from /proc/iomem, not on the offline event: its \
                       header lists the memory that is there at that moment";
