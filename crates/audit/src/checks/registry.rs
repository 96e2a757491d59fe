//! All checks, in one table.

use kexec::Purpose;

use crate::checks::{
    crashkernel_not_reserved, crashkernel_too_small, dump_header_stale, dump_misses_memory,
    image_in_misaligned_cma, image_in_removable_memory, image_in_removed_memory, image_in_untold_memory,
    image_over_interrupt_tables, kdump_not_armed, kdump_onlines_dumped_memory, load_limit_spent,
    map_lists_removed_memory, next_kernel_map_overflow, soft_reserved_not_carried,
};
use crate::finding::Code;
use crate::image::Image;
use crate::loaded::Dump;
use crate::outcome::Answer;
use crate::subject::Subject;

/// One check.
pub(crate) struct Check {
    /// The finding that it looks for.
    pub(crate) code: Code,
    pub(crate) look: Look,
}

/// What a check looks at.
pub(crate) enum Look {
    /// The machine as it is, whatever is loaded.
    Machine(fn(&Subject<'_>) -> Answer),
    /// The same, where this kernel loads images at all.
    Loader(fn(&Subject<'_>) -> Answer),
    /// The dump of the crash kernel that is loaded.
    LoadedCrash(fn(&Subject<'_>, &Dump<'_>) -> Answer),
    /// An image for this purpose, loaded or planned.
    Image(Purpose, fn(&Subject<'_>, &Image<'_>) -> Answer),
    /// A plan for any purpose.
    Planned(fn(&Subject<'_>, &Image<'_>) -> Answer),
    /// A machine on which no image for a reboot is known to be loaded.
    NoReboot(fn(&Subject<'_>) -> Answer),
}

/// Every check. Their order does not matter: findings are sorted by severity and code.
pub(crate) static CHECKS: &[Check] = &[
    Check { code: Code::DumpHeaderStale, look: Look::LoadedCrash(dump_header_stale::stale) },
    Check { code: Code::DumpMissesMemory, look: Look::LoadedCrash(dump_misses_memory::misses_added_memory) },
    Check {
        code: Code::KdumpOnlinesDumpedMemory,
        look: Look::Image(Purpose::Crash, kdump_onlines_dumped_memory::onlined_by),
    },
    Check {
        code: Code::DumpMissesMemory,
        look: Look::Planned(dump_misses_memory::planned_dump_misses_memory),
    },
    Check {
        code: Code::ImageInRemovedMemory,
        look: Look::Image(Purpose::Reboot, image_in_removed_memory::in_removed_memory),
    },
    Check {
        code: Code::ImageInRemovableMemory,
        look: Look::Image(Purpose::Reboot, image_in_removable_memory::in_removable_memory),
    },
    Check {
        code: Code::ImageInUntoldMemory,
        look: Look::Image(Purpose::Reboot, image_in_untold_memory::in_untold_memory),
    },
    Check {
        code: Code::SoftReservedNotCarried,
        look: Look::Image(Purpose::Reboot, soft_reserved_not_carried::not_carried_by),
    },
    Check {
        code: Code::ImageOverInterruptTables,
        look: Look::Image(Purpose::Reboot, image_over_interrupt_tables::under),
    },
    Check {
        code: Code::ImageInMisalignedCma,
        look: Look::Image(Purpose::Reboot, image_in_misaligned_cma::misaligned),
    },
    Check {
        code: Code::MapListsRemovedMemory,
        look: Look::Image(Purpose::Reboot, map_lists_removed_memory::told_of_removed_memory),
    },
    Check {
        code: Code::SoftReservedNotCarried,
        look: Look::NoReboot(soft_reserved_not_carried::not_carried_by_a_load),
    },
    Check { code: Code::LoadLimitSpent, look: Look::Planned(load_limit_spent::spent_for) },
    Check { code: Code::NextKernelMapOverflow, look: Look::Planned(next_kernel_map_overflow::overflows_in) },
    Check {
        code: Code::KdumpOnlinesDumpedMemory,
        look: Look::Machine(kdump_onlines_dumped_memory::onlined_by_this_crash_kernel),
    },
    Check {
        code: Code::NextKernelMapOverflow,
        look: Look::Loader(next_kernel_map_overflow::overflows_after_crash),
    },
    Check {
        code: Code::NextKernelMapOverflow,
        look: Look::Loader(next_kernel_map_overflow::overflows_after_reboot),
    },
    Check { code: Code::CrashkernelTooSmall, look: Look::Loader(crashkernel_too_small::too_small) },
    Check { code: Code::CrashkernelNotReserved, look: Look::Machine(crashkernel_not_reserved::not_reserved) },
    Check { code: Code::KdumpNotArmed, look: Look::Loader(kdump_not_armed::not_armed) },
    Check { code: Code::LoadLimitSpent, look: Look::Loader(load_limit_spent::spent) },
];
