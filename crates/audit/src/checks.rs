//! The checks: what each looks at, and what it finds.

mod acpi_memory;
mod crashkernel;
mod header;
pub(crate) mod interrupt_tables;
pub(crate) mod limits;
mod next_map;
mod placed;
pub(crate) mod registry;
mod soft_reserved;

pub use crashkernel::of_plan_error;
