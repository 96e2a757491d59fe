//! What is not modelled for a release, by name.

use crate::arch::Architecture;
use crate::releases::{Releases, Target, until};

/// What is not modelled for a release that predictions were not compared with.
struct NotModelled {
    architecture: Architecture,
    releases: Releases,
    what: &'static str,
    effect: &'static str,
}

/// The rows of one release are all that differs from the nearest compared one, as far as documents and logs say.
const NOT_MODELLED: [NotModelled; 4] = [
    NotModelled {
        architecture: Architecture::X86_64,
        releases: until(3, 0),
        what: "early memory before memblock (bootmem and its early reservations)",
        effect: "memory, nodes, zones and the crash kernel follow what logs of such kernels show; other reserved regions lie \
                 elsewhere",
    },
    NotModelled {
        architecture: Architecture::X86_64,
        releases: Releases { first: (3, 0), gone: Some((5, 0)) },
        what: "where page tables, node data and the log buffer of 3.x and 4.x lie",
        effect: "they are placed as a later kernel does: a crash kernel may lie beside the predicted place",
    },
    NotModelled {
        architecture: Architecture::Arm64,
        releases: until(5, 5),
        what: "reserved memory and the direct map of arm64 before 5.5",
        effect: "memory, nodes and zones follow what logs of such kernels show; a crash kernel, CMA and other reserved regions \
                 may lie elsewhere",
    },
    NotModelled {
        architecture: Architecture::X86_32,
        releases: Releases { first: (0, 0), gone: None },
        what: "the low and high memory of a 32-bit kernel",
        effect: "its map, memory and nodes are predicted; zones, reserved regions and the crash kernel are unknown",
    },
];

/// What is not modelled for a kernel, and what that means for a prediction; nothing if no release it names is older than
/// what predictions were compared with.
pub fn not_modelled(target: &Target) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = NOT_MODELLED.iter().filter(|row| row.architecture == target.architecture);
    rows.filter(|row| row.releases.contain(&target.release)).map(|row| (row.what, row.effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(architecture: Architecture, release: &str) -> Target {
        Target::new(architecture, release.parse().unwrap())
    }

    #[test]
    fn what_is_not_modelled_is_named_for_old_releases_alone() {
        let count = |architecture, release| not_modelled(&target(architecture, release)).count();
        assert_eq!(count(Architecture::X86_64, "2.6.32-431.el6.x86_64"), 1);
        assert_eq!(count(Architecture::X86_64, "3.10.0"), 1);
        assert_eq!(count(Architecture::X86_64, "6.5.1"), 0);
        assert_eq!(count(Architecture::Arm64, "4.20.0-rc1+"), 1);
        assert_eq!(count(Architecture::X86_32, "6.1.0-38-686-pae"), 1);
    }
}
