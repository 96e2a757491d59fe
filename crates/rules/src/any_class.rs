//! The rules that hold whatever the class of the memory: what the kernel cannot do, and memory nobody uses.

use super::cells::{kexec_load, no, when};
use super::{Loader, Rule};

const NO_KEXEC_LOAD: &str =
    "this kernel has no kexec_load: CONFIG_KEXEC is off (/proc/config.gz or /boot/config-RELEASE)";
const NO_KEXEC_FILE_LOAD: &str =
    "this kernel has no kexec_file_load: CONFIG_KEXEC_FILE is off (/proc/config.gz or /boot/config-RELEASE)";

/// Why a kernel has no such system call.
pub(super) const fn why_no(loader: Loader) -> &'static str {
    match loader {
        Loader::KexecLoad => NO_KEXEC_LOAD,
        Loader::KexecFileLoad => NO_KEXEC_FILE_LOAD,
    }
}

pub(super) static NO_SYSTEM_CALL: Rule = Rule {
    name: "no-such-system-call",
    source: "kernel/Kconfig.kexec (6.12)",
    cases: &[when(kexec_load, no(NO_KEXEC_LOAD))],
    otherwise: no(NO_KEXEC_FILE_LOAD),
};

pub(super) static NO_HOT_REMOVE: Rule = Rule {
    name: "no-hot-remove",
    source: "mm/Kconfig (6.12)",
    cases: &[],
    otherwise: no(
        "this kernel removes no memory: CONFIG_MEMORY_HOTREMOVE is off (/proc/config.gz or /boot/config-RELEASE)",
    ),
};

pub(super) static NEVER_NOMAP: Rule = Rule {
    name: "nomap-is-never-used",
    source: "mm/memblock.c:should_skip_region (6.12)",
    cases: &[],
    otherwise: no("NOMAP memory is not in the direct map: never allocated, placed on or dumped"),
};
