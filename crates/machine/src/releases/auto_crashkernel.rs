//! `crashkernel=auto` of Red Hat's kernels.

use crate::arch::Architecture;
use crate::releases::Target;

/// What `crashkernel=auto` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCrashkernel {
    /// So many MiB and 64 MiB for each TiB, in whole MiB, if the machine has at least `from` bytes of memory.
    Grows {
        /// Bytes of memory below which nothing is reserved.
        from: u64,
        /// MiB for a machine of no size.
        base: u64,
    },
    /// The value that stands for it.
    Value(&'static str),
}

/// What `crashkernel=auto` asks for on a kernel; `None` if the kernel does not know it, as no kernel but Red Hat's does.
///
/// What is known, and from where:
///
/// - RHEL 7, 161 MiB on small machines: seen in logs of 3.10 builds.
/// - RHEL 6, 129 MiB of 2 GiB and 130 MiB of 17 GiB: seen in logs of 2.6.32-431 and -279. Where it starts is inferred: no
///   log of a smaller machine was seen.
/// - RHEL 8: inferred from what Red Hat publishes as minimum requirements, which were raised during RHEL 8. The build with
///   which the kernel's own table changed (305) is an inference too.
pub fn auto_crashkernel(target: &Target) -> Option<AutoCrashkernel> {
    let name = target.release.to_string();
    let x86 = target.architecture == Architecture::X86_64;
    let build = |from: &str| -> Option<u32> {
        let digits = name.strip_prefix(from)?;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    if name.contains(".el8") {
        let is_late = build("4.18.0-").is_some_and(|build| build >= 305);
        return Some(AutoCrashkernel::Value(match (x86, is_late) {
            (true, true) => "1G-4G:192M,4G-64G:256M,64G-:512M",
            (true, false) => "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M",
            (false, true) => "2G-:480M",
            (false, false) => "2G-:448M",
        }));
    }
    match () {
        () if x86 && name.contains(".el7") => Some(AutoCrashkernel::Grows { from: 2 << 30, base: 160 }),
        () if x86 && name.contains(".el6") => Some(AutoCrashkernel::Grows { from: 2 << 30, base: 128 }),
        () => None,
    }
}
