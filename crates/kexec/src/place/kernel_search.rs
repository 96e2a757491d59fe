//! Where kexec_file_load searches.

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules, Use, Walk};

use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::ram::system_ram;

/// The ranges that kexec_file_load searches in a load for a reboot, ascending: those of the resource tree or,
/// if the kernel keeps memblock, memory minus reserved (kernel/kexec_file.c:kexec_walk_resources and
/// kexec_walk_memblock, 6.12). Whether a resource is busy does not matter: all System RAM is.
///
/// # Errors
///
/// [`PlanError::NoIomem`] or [`PlanError::NoMemblock`] when what is searched was not shown,
/// [`PlanError::ClassUnknown`] when the class of memory is unknown and the rules depend on it.
pub(crate) fn search_ranges(machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let spans = match machine.kernel.facts.walk {
        Walk::Resources => system_ram(machine)?,
        Walk::Memblock => machine.state.free_in_memblock.clone().ok_or(PlanError::NoMemblock)?,
    };
    allowed(machine, &spans, &[], Use::KexecImage(Loader::KexecFileLoad), rules)
}
