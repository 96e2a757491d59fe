//! Kexec handover (KHO, Linux 6.16 and later): state of this kernel that the next one finds again.
//!
//! Its areas of scratch memory hold nothing but movable pages, so that a kernel can start there without treading on
//! what is handed over. With handover on, an image for a reboot is placed in them and nowhere else.
//!
//! Source: Documentation/core-api/kho/concepts.rst, Documentation/admin-guide/mm/kho.rst (6.16). No load of such a
//! kernel was compared with a plan.

use machine::boot::BootInput;
use machine::command_line::BootParameters;
use machine::{Snapshot, since};
use memblock::PhysRange;

use crate::error::PlanError;
use crate::placing::{Placing, Wanted};
use crate::segment::SegmentKind;

/// Whether this kernel hands state over, and what that leaves to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Handover {
    /// It does not, or is too old to.
    #[default]
    Off,
    /// It does: the scratch areas, in the kernel's order.
    On(Vec<PhysRange>),
    /// It does, by its command line or configuration, and nothing shows the areas.
    Unknown,
}

impl Handover {
    /// What debugfs shows, and if nothing does, what the command line and the configuration say.
    pub(crate) fn of(snapshot: &Snapshot, boot: Option<&BootInput>) -> Self {
        let files = &snapshot.handover;
        if let (Some(starts), Some(sizes)) = (files.scratch_phys.read(), files.scratch_len.read()) {
            return scratch(starts, sizes).map_or(Self::Unknown, Self::On);
        }
        if boot.is_some_and(|boot| is_enabled(boot, snapshot)) { Self::Unknown } else { Self::Off }
    }

    /// The areas to place in; `None` where RAM is searched as ever.
    pub(crate) fn areas(&self) -> Result<Option<&[PhysRange]>, PlanError> {
        match self {
            Self::Off => Ok(None),
            Self::On(areas) => Ok(Some(areas)),
            Self::Unknown => Err(PlanError::NoScratch),
        }
    }
}

/// `kho=`, or CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT.
fn is_enabled(boot: &BootInput, snapshot: &Snapshot) -> bool {
    let target = since::Target::new(boot.platform.architecture(), boot.release.clone());
    if !since::TABLE.iter().any(|row| row.name == "kho" && row.is_known(&target)) {
        return false;
    }
    let parameters = BootParameters::parse(&boot.command_line, target.architecture, &target.release);
    let config = snapshot.kernel_config.read().map_or("", String::as_str);
    let by_default = || config.lines().any(|line| line == "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y");
    parameters.kho.is_enabled.unwrap_or_else(by_default)
}

/// One area for each line of both files; `None` when they do not agree or hold something else.
fn scratch(starts: &str, sizes: &str) -> Option<Vec<PhysRange>> {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let number = |line: &str| u64::from_str_radix(line.trim().strip_prefix("0x")?, 16).ok();
        text.lines().map(number).collect()
    };
    let (starts, sizes) = (numbers(starts)?, numbers(sizes)?);
    if starts.len() != sizes.len() {
        return None;
    }
    // An area of no bytes is one that could not be had.
    let areas = starts.into_iter().zip(sizes).filter(|&(_, size)| size > 0);
    areas.map(|(start, size)| PhysRange::from_size(start, size).ok()).collect()
}

/// Places the list of the scratch areas, 16 bytes each, which the next kernel reads before anything else; it goes
/// before all other segments.
pub(crate) fn place(placing: &mut Placing<'_>, areas: usize) -> Result<(), PlanError> {
    let size = u64::try_from(areas).unwrap_or(u64::MAX).saturating_mul(16);
    if size == 0 {
        return Ok(());
    }
    let list = Wanted::highest(SegmentKind::Handover, size, size);
    placing.place(Wanted { alignment: 0x1_0000, ..list })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use evidence::snapshot::{FirmwareMapEntry, HandoverFiles};

    use super::*;

    fn snapshot(files: HandoverFiles) -> Snapshot {
        Snapshot { handover: files, ..Snapshot::default() }
    }

    fn files(starts: &str, sizes: &str) -> HandoverFiles {
        HandoverFiles { scratch_phys: Source::Read(starts.into()), scratch_len: Source::Read(sizes.into()) }
    }

    #[test]
    fn the_areas_are_those_of_debugfs_in_its_order() {
        let shown = snapshot(files("0x40000000\n0x1000000\n0x0\n", "0x8000000\n0x100000\n0x0\n"));
        let range = |start, size| PhysRange::from_size(start, size).unwrap();
        assert_eq!(
            Handover::of(&shown, None),
            Handover::On(vec![range(0x4000_0000, 0x800_0000), range(0x100_0000, 0x10_0000)])
        );
    }

    #[test]
    fn files_that_do_not_agree_or_wrap_leave_the_areas_unknown() {
        for (starts, sizes) in
            [("0x1000\n", "0x1000\n0x1000\n"), ("x\n", "0x1000\n"), ("0xfffffffffffff000\n", "0x2000\n")]
        {
            assert_eq!(Handover::of(&snapshot(files(starts, sizes)), None), Handover::Unknown, "{starts:?}");
        }
        assert_eq!(Handover::Unknown.areas(), Err(PlanError::NoScratch));
    }

    #[test]
    fn without_debugfs_the_command_line_and_the_configuration_say_whether_it_is_on() {
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
            Handover::of(&snapshot, Some(&BootInput::of(&snapshot).unwrap())) == Handover::Unknown
        };
        let by_default = "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n";
        assert!(on("6.16.0", "kho=on", ""));
        assert!(on("6.16.0", "quiet", by_default));
        assert!(!on("6.16.0", "kho=off", by_default));
        assert!(!on("6.16.0", "quiet", ""));
        assert!(!on("6.12.0", "kho=on", by_default), "too old to know it");
    }
}
