//! Lines by which a log is told to be of a 64-bit kernel of Arm.

/// Whether only such a kernel prints this line.
pub(super) fn is_own_line(line: &str) -> bool {
    if line.starts_with("Linux version ") {
        return line.contains("aarch64") || line.contains("arm64");
    }
    // The 32-bit kernel, and those before 4.17, print no register.
    let cpu = line.strip_prefix("Booting Linux on physical CPU ");
    cpu.is_some_and(|cpu| cpu.contains('[')) || line.contains("AArch64 Processor")
}
