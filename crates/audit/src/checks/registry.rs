//! All checks, in one table.

use evidence::log::LoadRecord;
use kexec::Purpose;

use crate::checks::{
    crashkernel_not_reserved, crashkernel_too_small, dump_header_stale, dump_misses_memory,
    image_in_misaligned_cma, image_in_removable_memory, image_in_removed_memory, image_in_untold_memory,
    image_over_interrupt_tables, kdump_not_armed, kdump_onlines_dumped_memory, load_limit_spent,
    next_kernel_map_overflow, soft_reserved_not_carried,
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
    Check::LoadedCrash(dump_header_stale::stale),
    Check::LoadedCrash(dump_misses_memory::misses_added_memory),
    Check::Image(Purpose::Crash, kdump_onlines_dumped_memory::onlined_by),
    Check::Image(Purpose::Crash, dump_misses_memory::planned_dump_misses_memory),
    Check::Image(Purpose::Reboot, image_in_removed_memory::in_removed_memory),
    Check::Image(Purpose::Reboot, image_in_removable_memory::in_removable_memory),
    Check::Image(Purpose::Reboot, image_in_untold_memory::in_untold_memory),
    Check::Image(Purpose::Reboot, soft_reserved_not_carried::not_carried_by),
    Check::Image(Purpose::Reboot, image_over_interrupt_tables::under),
    Check::Image(Purpose::Reboot, image_in_misaligned_cma::misaligned),
    Check::NoReboot(soft_reserved_not_carried::not_carried_by_a_load),
    Check::Planned(load_limit_spent::spent_for),
    Check::Planned(next_kernel_map_overflow::overflows_in),
    Check::Machine(kdump_onlines_dumped_memory::onlined_by_this_crash_kernel),
    Check::Machine(next_kernel_map_overflow::overflows_after_crash),
    Check::Machine(next_kernel_map_overflow::overflows_after_reboot),
    Check::Machine(crashkernel_too_small::too_small),
    Check::Machine(crashkernel_not_reserved::not_reserved),
    Check::Machine(kdump_not_armed::not_armed),
    Check::Machine(load_limit_spent::spent),
];
