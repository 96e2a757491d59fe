//! Where kernels before memblock looked for a crash kernel, and what was in the way.

use crate::arch::Architecture;
use crate::releases::Target;

/// Whether a crash kernel is searched upwards from 16 MiB, as before memblock came to x86 (2.6.37). RHEL 6's 2.6.32 was
/// seen to take the first place after its image.
pub fn searches_crashkernel_upwards(target: &Target) -> bool {
    let name = target.release.to_string();
    let patch = name.strip_prefix("2.6.").and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    target.architecture == Architecture::X86_64
        && patch.and_then(|digits| digits.parse::<u32>().ok()).is_some_and(|patch| patch < 37)
}

/// The end of the image of a kernel before memblock, half-open, if its log does not show it: that of RHEL 6's 2.6.32, as
/// logs of two builds show it, in whole pages.
pub fn usual_image_end(target: &Target) -> Option<u64> {
    searches_crashkernel_upwards(target).then_some(0x202_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(architecture: Architecture, release: &str) -> Target {
        Target::new(architecture, release.parse().unwrap())
    }

    #[test]
    fn kernels_before_memblock_search_a_crash_kernel_upwards() {
        let upwards = |release| searches_crashkernel_upwards(&target(Architecture::X86_64, release));
        assert!(upwards("2.6.32-431.el6.x86_64") && upwards("2.6.18"));
        assert!(!upwards("2.6.38") && !upwards("3.0.0") && !upwards("2.60.1"));
    }
}
