//! ACPI: `acpi=`, `acpi_no_memhotplug`.

use crate::command_line::values::remark::Remarks;
use crate::releases::{ACPI_ON, Target, is_known};

const SOURCE: &str = "arch/x86/kernel/acpi/boot.c:parse_acpi, arch/arm64/kernel/acpi.c:parse_acpi (6.12)";

/// What the command line says about ACPI, the source of nodes, distances and hot-added memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acpi {
    /// The last of `acpi=off`, `on` and `force`.
    pub mode: Option<AcpiMode>,
    /// `acpi_no_memhotplug`: no DIMMs are hot-added. Recommended for crash kernels.
    pub no_memhotplug: bool,
}

/// Whether ACPI tables are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcpiMode {
    /// Not used.
    Off,
    /// arm64: used instead of the device tree, if there are any.
    On,
    /// x86: used even if the BIOS is too old. arm64: used, or the kernel does without both ACPI and the device tree.
    Force,
}

impl Acpi {
    pub(super) fn mode(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        match value {
            Some("off") => self.mode = Some(AcpiMode::Off),
            Some("on") if is_known(ACPI_ON, target) => self.mode = Some(AcpiMode::On),
            Some("force") => self.mode = Some(AcpiMode::Force),
            Some(word) if is_known(&format!("acpi={word}"), target) => {}
            _ => remarks.say("refused: not a word of acpi= here", SOURCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    fn target(architecture: Architecture) -> Target {
        Target::new(architecture, crate::releases::checked())
    }

    #[test]
    fn only_arm64_knows_acpi_on() {
        let (mut acpi, mut remarks) = (Acpi::default(), Remarks::default());
        acpi.mode(Some("on"), &target(Architecture::Arm64), &mut remarks);
        assert_eq!((acpi.mode, remarks.list.len()), (Some(AcpiMode::On), 0));
        acpi.mode(Some("on"), &target(Architecture::X86_64), &mut remarks);
        acpi.mode(Some("bogus"), &target(Architecture::Arm64), &mut remarks);
        acpi.mode(None, &target(Architecture::Arm64), &mut remarks);
        assert_eq!(remarks.list.len(), 3);
        acpi.mode(Some("noirq"), &target(Architecture::X86_64), &mut remarks);
        assert_eq!((acpi.mode, remarks.list.len()), (Some(AcpiMode::On), 3));
    }
}
