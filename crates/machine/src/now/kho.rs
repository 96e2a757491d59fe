//! Kexec handover (KHO, Linux 6.16 and later): state that this kernel passes to the next one.
//!
//! Scratch areas hold only movable pages, so that the next kernel can boot in them without overwriting preserved
//! memory. With KHO enabled, an image for a reboot goes only into these areas.
//!
//! Source: Documentation/core-api/kho/concepts.rst, Documentation/admin-guide/mm/kho.rst (6.16). Plans
//! were compared with loads of 7.3.

use evidence::{Evidence, Source};
use memblock::PhysRange;

use crate::boot::input::BootInput;
use crate::command_line::BootParameters;
use crate::releases::{Target, is_known};

/// Whether KHO is enabled, and where that leaves room for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kho {
    /// Disabled, or the kernel is too old.
    #[default]
    Off,
    /// Enabled: the scratch areas, in the kernel's order.
    On(Vec<PhysRange>),
    /// Enabled by the command line or configuration, but the areas are unknown.
    Unknown,
}

impl Kho {
    /// From debugfs, otherwise from the command line and the configuration.
    pub(crate) fn of(evidence: &Evidence, boot: Option<&BootInput>) -> Self {
        match &evidence.handover_scratch {
            Source::Read(areas) => Self::On(areas.clone()),
            Source::Unreadable { .. } => Self::Unknown,
            Source::Missing if boot.is_some_and(|boot| is_enabled(boot, evidence)) => Self::Unknown,
            Source::Missing => Self::Off,
        }
    }
}

/// `kho=`, or CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT.
fn is_enabled(boot: &BootInput, evidence: &Evidence) -> bool {
    let target = Target::new(boot.platform.architecture(), boot.release.clone());
    if !is_known("kho", &target) {
        return false;
    }
    let parameters = BootParameters::parse(&boot.command_line, target.architecture, &target.release);
    let by_default =
        || evidence.configuration.read().is_some_and(|config| config.has("KEXEC_HANDOVER_ENABLE_DEFAULT"));
    parameters.kho.is_enabled.unwrap_or_else(by_default)
}

#[cfg(test)]
mod tests {
    use evidence::Snapshot;
    use evidence::snapshot::{FirmwareMapEntry, HandoverFiles};

    use super::*;

    #[test]
    fn files_that_disagree_leave_the_areas_unknown() {
        let files = |starts: &str, sizes: &str| HandoverFiles {
            scratch_phys: Source::Read(starts.into()),
            scratch_len: Source::Read(sizes.into()),
        };
        let of = |handover| Kho::of(&Snapshot { handover, ..Snapshot::default() }.into(), None);
        assert_eq!(of(files("0x1000\n", "0x1000\n0x1000\n")), Kho::Unknown);
        let area = PhysRange::from_size(0x1000, 0x1000).unwrap();
        assert_eq!(of(files("0x1000\n", "0x1000\n")), Kho::On(vec![area]));
        assert_eq!(of(HandoverFiles::default()), Kho::Off);
    }

    #[test]
    fn without_debugfs_the_command_line_and_the_configuration_decide() {
        let on = |version: &str, line: &str, config: &str| {
            let map = FirmwareMapEntry { index: 0, start: 0, last: 0x7fff_ffff, kind: "System RAM".into() };
            let snapshot = Snapshot {
                architecture: Source::Read("x86_64".into()),
                version: Source::Read(format!("Linux version {version} (gcc)")),
                command_line: Source::Read(line.into()),
                kernel_config: Source::Read(config.into()),
                firmware_memmap: Source::Read(vec![map]),
                ..Snapshot::default()
            };
            let evidence = snapshot.into();
            Kho::of(&evidence, Some(&BootInput::of(&evidence).unwrap())) == Kho::Unknown
        };
        let by_default = "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n";
        assert!(on("6.16.0", "kho=on", ""));
        assert!(on("6.16.0", "quiet", by_default));
        assert!(!on("6.16.0", "kho=off", by_default));
        assert!(!on("6.16.0", "quiet", ""));
        assert!(!on("6.12.0", "kho=on", by_default), "too old to know it");
    }
}
