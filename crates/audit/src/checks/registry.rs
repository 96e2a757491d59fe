//! All checks, in one table.

use evidence::log::LoadRecord;
use kexec::Purpose;

use crate::checks::{
    acpi_memory, crashkernel, header, interrupt_tables, limits, next_map, placed, soft_reserved,
};
use crate::finding::Finding;
use crate::image::Image;
use crate::subject::Subject;

/// One check: what it looks at.
pub(crate) enum Check {
    /// The machine as it is, whatever is loaded.
    Machine(fn(&Subject<'_>) -> Option<Finding>),
    /// The crash kernel that is loaded, as the log shows it.
    LoadedCrash(fn(&Subject<'_>, &LoadRecord) -> Option<Finding>),
    /// An image for this purpose, loaded or planned.
    Image(Purpose, fn(&Subject<'_>, &Image<'_>) -> Option<Finding>),
    /// A plan for any purpose.
    Planned(fn(&Subject<'_>, &Image<'_>) -> Option<Finding>),
    /// A machine on which no image for a reboot is known to be loaded.
    NoReboot(fn(&Subject<'_>) -> Option<Finding>),
}

/// Every check. Their order does not matter: findings are sorted by severity and code.
pub(crate) static CHECKS: &[Check] = &[
    Check::LoadedCrash(header::stale),
    Check::LoadedCrash(header::misses_added_memory),
    Check::Image(Purpose::Crash, acpi_memory::onlined_by),
    Check::Image(Purpose::Crash, header::planned_dump_misses_memory),
    Check::Image(Purpose::Reboot, placed::in_removed_memory),
    Check::Image(Purpose::Reboot, placed::in_removable_memory),
    Check::Image(Purpose::Reboot, placed::in_untold_memory),
    Check::Image(Purpose::Reboot, soft_reserved::not_carried_by),
    Check::Image(Purpose::Reboot, interrupt_tables::under),
    Check::NoReboot(soft_reserved::not_carried_by_a_load),
    Check::Planned(limits::spent_for),
    Check::Planned(next_map::overflows_in),
    Check::Machine(acpi_memory::onlined_by_this_crash_kernel),
    Check::Machine(next_map::overflows_after_crash),
    Check::Machine(next_map::overflows_after_reboot),
    Check::Machine(crashkernel::too_small),
    Check::Machine(crashkernel::not_reserved),
    Check::Machine(crashkernel::not_armed),
    Check::Machine(limits::spent),
];
