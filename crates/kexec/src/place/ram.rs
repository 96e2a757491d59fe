//! System RAM, as the resource tree shows it.

use evidence::resources::Resource;
use machine::Machine;
use memblock::{PhysRange, ranges};

use crate::error::PlanError;

/// Each System RAM resource, driver-managed or not.
pub(crate) fn system_ram(machine: &Machine) -> Result<Vec<PhysRange>, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    Ok(tree.system_ram().filter_map(|resource| resource.range().ok()).collect())
}

/// System RAM without what /proc/iomem calls `reserved` in it: where kexec-tools searches on arm64
/// (kexec-tools 2.0.25, `kexec -d`: get_memory_ranges).
pub(crate) fn unreserved(machine: &Machine) -> Result<Vec<PhysRange>, PlanError> {
    without_reserved(machine, system_ram(machine)?, &["reserved"])
}

/// The parts of `spans`, which ascend, that no resource of these names inside another lies in.
pub(crate) fn without_reserved(
    machine: &Machine,
    spans: Vec<PhysRange>,
    names: &[&str],
) -> Result<Vec<PhysRange>, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    let is_reserved = |resource: &&Resource| names.contains(&resource.name.as_ref()) && resource.depth > 0;
    let mut reserved: Vec<PhysRange> =
        tree.resources().iter().filter(is_reserved).filter_map(|resource| resource.range().ok()).collect();
    reserved.sort_unstable();
    let reserved = ranges::merged(reserved.into_iter());
    Ok(ranges::difference(spans.into_iter(), reserved).collect())
}
