//! Memory that may be unplugged while an image lies on it.

use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use rules::{Consequence, Rules, Use};

use crate::error::PlanError;

/// Whether memory may be unplugged while an image lies on it, after which kexec has to be armed again; `None`
/// if its class is unknown.
pub fn is_removable(machine: &Machine, memory: &MemoryRange, rules: &Rules) -> Option<bool> {
    let verdict = memory.verdict(rules, Use::AfterUnplug, &machine.kernel)?;
    Some(verdict.allowed && verdict.consequence == Consequence::RearmKexec)
}

/// The memory that may be unplugged while an image lies on it, after which kexec has to be armed again, ascending.
///
/// # Errors
///
/// [`PlanError::ClassUnknown`] when the class of memory that may be unplugged is unknown.
pub fn removable(machine: &Machine, rules: &Rules) -> Result<Vec<PhysRange>, PlanError> {
    let mut found = Vec::new();
    for memory in &machine.ranges {
        match is_removable(machine, memory, rules) {
            Some(true) => found.push(memory.range),
            Some(false) => {}
            None => return Err(PlanError::ClassUnknown { range: memory.range }),
        }
    }
    Ok(found)
}
