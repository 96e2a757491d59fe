//! Why a kernel did not load an image: the error number, the rule behind it, the figure, what helps.
//!
//! Sources (6.12): kernel/kexec_core.c:kexec_load_permitted, sanity_check_segment_list, do_kimage_alloc_init;
//! kernel/kexec.c:kexec_load_check, do_kexec_load; kernel/kexec_file.c:kimage_validate_signature, kexec_add_buffer;
//! fs/kernel_read_file.c; crypto/asymmetric_keys (the errors of a signature); kernel_lockdown(7).

use evidence::settings::{KexecSettings, Lockdown};
use evidence::{Purpose, record::RecordedLoader};
use rustix::io::Errno;

/// Why an image was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRefusal {
    /// The error's name, such as `EPERM`, or its number.
    pub errno: String,
    /// A stable name of the reason.
    pub rule: &'static str,
    /// What the error means for this load, with the figure that decided where one is known.
    pub reason: String,
    /// What would help.
    pub remedy: String,
}

/// What was tried, and what the kernel showed just before.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// By which call.
    pub loader: RecordedLoader,
    /// For what.
    pub purpose: Purpose,
    /// The settings.
    pub settings: &'a KexecSettings,
    /// Whether kexec handover is on (`kho=`), which limits where images go.
    pub handover: bool,
    /// Bytes of all segments or files together.
    pub size: u64,
    /// Whether this process has CAP_SYS_BOOT.
    pub may_boot: bool,
}

impl LoadRefusal {
    /// Every rule, ascending.
    pub const RULES: [&'static str; 20] = [
        "file-being-written",
        "file-changed",
        "handover-scratch",
        "interrupted",
        "invalid-image",
        "load-disabled",
        "load-in-progress",
        "load-limit-spent",
        "locked-down",
        "no-file-load",
        "no-hole",
        "no-kernel-in-file",
        "no-memory",
        "no-privilege",
        "no-reservation",
        "not-permitted",
        "other-error",
        "outside-of-reservation",
        "signature-missing",
        "signature-wrong",
    ];

    fn new(rule: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { errno: String::new(), rule, reason: reason.into(), remedy: remedy.into() }
    }

    /// What this error means.
    pub fn of(errno: Errno, tried: &Tried<'_>) -> Self {
        let is_file = tried.loader == RecordedLoader::KexecFileLoad;
        let mut refusal = match errno {
            Errno::PERM => tried.not_permitted(),
            Errno::ACCESS => Self::new(
                "not-permitted",
                "a security module refuses to have this file loaded",
                "the audit log names the module and the rule: ausearch -m avc, or journalctl -k",
            ),
            Errno::NOSYS => Self::new(
                "no-file-load",
                "this kernel was built without the system call",
                if is_file { "use --loader load" } else { "use --loader file" },
            ),
            Errno::BUSY => Self::new(
                "load-in-progress",
                "another load, a crash, or an update of the crash header by memory hotplug is under way",
                "try again",
            ),
            Errno::ADDRNOTAVAIL => tried.no_place(is_file),
            Errno::NOEXEC => Self::new(
                "no-kernel-in-file",
                "none of this kernel's loaders takes the file: it is no kernel for this architecture, or one that cannot be \
                 moved or has no 64-bit entry",
                "`physmem kexec plan --kernel` says what the file is; use the distribution's /boot/vmlinuz",
            ),
            Errno::NOMEM => Self::new(
                "no-memory",
                format!(
                    "no memory for {} bytes, or for the page tables and control pages beside them",
                    tried.size
                ),
                "free memory, for a moment `sysctl vm.drop_caches=3` may do, or use a smaller initial ramdisk",
            ),
            Errno::INVAL => invalid(is_file),
            Errno::INTR => Self::new("interrupted", "a signal came during the load", "load it again"),
            Errno::TXTBSY => Self::new(
                "file-being-written",
                "another process has the kernel or the initial ramdisk open for writing",
                "wait until it is done: an update may be under way",
            ),
            Errno::FBIG | Errno::IO => Self::new(
                "file-changed",
                "the kernel or the initial ramdisk changed its size while it was read, or cannot be read",
                "wait until whatever writes it is done, and check the disk: journalctl -k",
            ),
            Errno::NODATA
            | Errno::NOKEY
            | Errno::KEYREJECTED
            | Errno::KEYEXPIRED
            | Errno::KEYREVOKED
            | Errno::NOPKG
            | Errno::BADMSG
            | Errno::LIBBAD => signature(errno),
            _ => Self::new(
                "other-error",
                "an error that this call does not document",
                "the kernel log may say more: journalctl -k",
            ),
        };
        refusal.errno = name(errno);
        refusal
    }
}

impl Tried<'_> {
    fn not_permitted(&self) -> LoadRefusal {
        let (file, limit) = match self.purpose {
            Purpose::Reboot => ("kexec_load_limit_reboot", &self.settings.load_limit_reboot),
            Purpose::Crash => ("kexec_load_limit_panic", &self.settings.load_limit_panic),
        };
        let until_boot = "only a boot lifts this";
        if !self.may_boot {
            return LoadRefusal::new("no-privilege", "this process lacks CAP_SYS_BOOT", "run as root");
        }
        if self.settings.load_disabled.read() == Some(&true) {
            return LoadRefusal::new(
                "load-disabled",
                "/proc/sys/kernel/kexec_load_disabled is 1",
                until_boot,
            );
        }
        if limit.read() == Some(&0) {
            let reason = format!("/proc/sys/kernel/{file} is 0: no load of this kind is left");
            return LoadRefusal::new("load-limit-spent", reason, until_boot);
        }
        match (self.settings.lockdown.read(), self.loader) {
            (Some(Lockdown::Integrity | Lockdown::Confidentiality), RecordedLoader::KexecLoad) => {
                LoadRefusal::new(
                    "locked-down",
                    "the kernel is locked down (/sys/kernel/security/lockdown): kexec_load is refused",
                    "use --loader file with a kernel signed by a key that this kernel trusts",
                )
            }
            (Some(Lockdown::Integrity | Lockdown::Confidentiality), RecordedLoader::KexecFileLoad) => {
                LoadRefusal::new(
                    "locked-down",
                    "the kernel is locked down (/sys/kernel/security/lockdown), and the file has no signature that it trusts",
                    "use the distribution's signed kernel, or one signed by a key that is enrolled here (mokutil)",
                )
            }
            _ => LoadRefusal::new(
                "not-permitted",
                "neither privilege, nor kexec_load_disabled, nor the limits, nor lockdown explain it: a security module or \
                 a seccomp filter does",
                "journalctl -k and the audit log name the module; in a container the host has to load",
            ),
        }
    }

    fn no_place(&self, is_file: bool) -> LoadRefusal {
        match self.purpose {
            Purpose::Crash if self.settings.crash_size.read() == Some(&0) => LoadRefusal::new(
                "no-reservation",
                "/sys/kernel/kexec_crash_size is 0: no memory is reserved for a crash kernel",
                "boot with crashkernel=; `physmem what-if --append crashkernel=256M` shows where it would go",
            ),
            Purpose::Crash if !is_file => LoadRefusal::new(
                "outside-of-reservation",
                "a segment lies outside the memory reserved for the crash kernel: the reservation was shrunk since it was read",
                "load again; /sys/kernel/kexec_crash_size has its size now",
            ),
            Purpose::Crash => LoadRefusal::new(
                "no-hole",
                match self.settings.crash_size.read() {
                    Some(size) => format!(
                        "{} bytes of files do not fit into the {size} bytes reserved for the crash kernel",
                        self.size
                    ),
                    None => "the files do not fit into the memory reserved for the crash kernel".to_owned(),
                },
                "boot with a larger crashkernel=, or use a smaller initial ramdisk",
            ),
            Purpose::Reboot if self.handover && is_file => LoadRefusal::new(
                "handover-scratch",
                format!("{} bytes do not fit into the scratch areas of kexec handover (kho=)", self.size),
                "boot with larger areas (kho_scratch=), or use --loader load, which hands nothing over",
            ),
            Purpose::Reboot if is_file => LoadRefusal::new(
                "no-hole",
                format!("no hole in System RAM is large enough for all of {} bytes", self.size),
                "`physmem kexec plan` shows the holes; --loader load searches in other places",
            ),
            Purpose::Reboot => LoadRefusal::new(
                "no-hole",
                "a segment does not lie in memory that this kernel takes for RAM",
                "load again: memory may have been removed since it was read",
            ),
        }
    }
}

fn invalid(is_file: bool) -> LoadRefusal {
    let mut reason = String::from("the kernel finds the image invalid");
    if is_file {
        reason.push_str(
            ": the command line is too long for the kernel, or a segment is larger than half of RAM, or there are more than 16",
        );
    } else {
        reason.push_str(": segments overlap, are not whole pages, or take more than half of RAM, or a flag is unknown to it");
    }
    LoadRefusal::new(
        "invalid-image",
        reason,
        "`physmem kexec plan` checks each of these; journalctl -k may say more",
    )
}

fn signature(errno: Errno) -> LoadRefusal {
    let use_signed =
        "use the distribution's signed kernel, or one signed by a key that is enrolled here (mokutil)";
    match errno {
        Errno::NODATA => LoadRefusal::new(
            "signature-missing",
            "the file has no signature, and this kernel demands one (CONFIG_KEXEC_SIG_FORCE, or IMA)",
            use_signed,
        ),
        _ => LoadRefusal::new(
            "signature-wrong",
            match errno {
                Errno::NOKEY => "the file is signed by a key that this kernel does not know",
                Errno::KEYEXPIRED => "the file is signed by a key that has expired",
                Errno::KEYREVOKED | Errno::KEYREJECTED => {
                    "the file's signature does not match it, or its key was revoked"
                }
                Errno::NOPKG => "the file's signature uses an algorithm that this kernel lacks",
                _ => "the file's signature is damaged",
            },
            use_signed,
        ),
    }
}

/// The error's name in errno(3).
fn name(errno: Errno) -> String {
    match nix::errno::Errno::from_raw(errno.raw_os_error()) {
        nix::errno::Errno::UnknownErrno => errno.raw_os_error().to_string(),
        known => format!("{known:?}"),
    }
}
