//! The checks, one file each, named after the code of its finding.

mod crashkernel_not_reserved;
mod crashkernel_too_small;
mod dump_header_stale;
mod dump_misses_memory;
mod image_in_misaligned_cma;
mod image_in_removable_memory;
mod image_in_removed_memory;
mod image_in_untold_memory;
pub(crate) mod image_over_interrupt_tables;
mod image_place;
mod kdump_not_armed;
mod kdump_onlines_dumped_memory;
pub(crate) mod load_limit_spent;
mod map_lists_removed_memory;
mod next_kernel_map_overflow;
pub(crate) mod registry;
mod soft_reserved_not_carried;
#[cfg(test)]
mod tests;

pub use crashkernel_too_small::of_plan_error;
pub use next_kernel_map_overflow::is_of_reboot;
