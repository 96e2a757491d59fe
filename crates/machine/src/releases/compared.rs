//! The releases that predictions and plans were compared with.

use evidence::Release;

use crate::arch::Architecture;
use crate::releases::{CHECKED, Target};

/// A release whose boots predictions were compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Major and minor version.
    pub version: (u32, u32),
    /// The architecture.
    pub architecture: Architecture,
    /// The kernels that were booted.
    pub source: &'static str,
}

/// The releases whose boots were compared, oldest first on each architecture.
pub const COMPARED: &[Compared] = &[
    Compared {
        version: (6, 1),
        architecture: Architecture::X86_64,
        source: "Debian's 6.1.0-57: captures/releases/6.1.0-57",
    },
    Compared {
        version: CHECKED,
        architecture: Architecture::X86_64,
        source: "Debian's 6.12.117: captures/x86, captures/boot/x86, captures/releases/6.12.117+deb13",
    },
    Compared {
        version: (6, 18),
        architecture: Architecture::X86_64,
        source: "Debian's 6.18.15: captures/releases/6.18.15+deb13",
    },
    Compared {
        version: (7, 3),
        architecture: Architecture::X86_64,
        source: "Debian's 7.3.4, and 7.3.4 with KHO: captures/releases/7.3.4+deb13, captures/releases/7.3.4-kho",
    },
    Compared {
        version: CHECKED,
        architecture: Architecture::Arm64,
        source: "6.12.117, built for arm64 with pages of 4, 16 and 64 KiB: captures/arm64, captures/boot/arm64",
    },
];

/// The compared release that is nearest to this kernel on its architecture: the same, or the last before it, or else the
/// first; [`CHECKED`] for an architecture whose boots were not compared.
pub fn nearest_compared(target: &Target) -> Release {
    let version = target.release.version();
    let mut all = COMPARED.iter().filter(|one| one.architecture == target.architecture);
    let before = all.clone().rfind(|one| one.version <= version);
    let (major, minor) = before.or_else(|| all.next()).map_or(CHECKED, |one| one.version);
    Release::new((major, minor), &format!("{major}.{minor}"))
}

/// The row of this very release, or of one of its stable updates; `None` if its boots were not compared.
pub fn boots_compared(target: &Target) -> Option<&'static Compared> {
    let version = target.release.version();
    COMPARED.iter().find(|one| one.architecture == target.architecture && one.version == version)
}

/// The releases whose loads by kexec_file_load plans were compared with on this architecture, oldest first, as people
/// write them: the [`COMPARED`] ones (crates/kexec/tests/captures).
pub fn loads_compared(architecture: Architecture) -> Vec<String> {
    let all = COMPARED.iter().filter(|one| one.architecture == architecture);
    all.map(|Compared { version: (major, minor), .. }| format!("{major}.{minor}")).collect()
}

/// Whether plans were compared with loads of this kernel, or of one of its stable updates.
pub fn are_loads_compared(target: &Target) -> bool {
    boots_compared(target).is_some()
}
