//! Where kexec_file_load searches.

use machine::Machine;
use memblock::PhysRange;
use rules::{Loader, Rules, Use, Walk};

use crate::error::PlanError;
use crate::place::allowed::allowed;
use crate::place::ram::system_ram;

/// The ranges that kexec_file_load searches for a load that a reboot starts, ascending: those of the resource tree,
/// or, where the kernel keeps memblock, memory minus reserved (kernel/kexec_file.c:kexec_walk_resources and
/// kexec_walk_memblock, 6.12). Busy or not does not matter: all System RAM is busy.
///
/// # Errors
///
/// [`PlanError::NoIomem`] or [`PlanError::NoMemblock`] when what is searched was not shown,
/// [`PlanError::ClassUnknown`] when the rules differ for the classes that memory may be of.
pub(crate) fn search_ranges(machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let spans = match machine.kernel.facts.walk {
        Walk::Resources => system_ram(machine)?,
        Walk::Memblock => machine.state.free_in_memblock.clone().ok_or(PlanError::NoMemblock)?,
    };
    allowed(machine, &spans, &[], Use::KexecImage(Loader::KexecFileLoad), rules)
}
