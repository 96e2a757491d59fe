//! Where a segment may lie, and what a dump holds: the parts of RAM that the rules allow.
//!
//! Nothing is decided here: [`rules`] is asked for each part, and only what it allows is given.

use evidence::resources::Resource;
use machine::{Machine, MemoryRange};
use rules::{Class, Consequence, MapHandedOn, Loader, Walk, Rules, Use};
use memblock::{PhysRange, ranges};

use crate::crash::CrashKernel;
use crate::error::PlanError;
use crate::facts::Facts;
use crate::x86_load;

/// The ranges in which a loader searches places for the segments of an image that is started by a reboot, ascending.
///
/// Those of kexec_file_load are of the resource tree, or, where the kernel keeps memblock, memory minus reserved
/// (kernel/kexec_file.c:kexec_walk_resources and kexec_walk_memblock, 6.12). Busy or not, all System RAM is busy. Those of
/// kexec_load, as kexec-tools 2.0.25 takes them, are on x86 the RAM of the map that it reads, also what the running kernel
/// does not use, and on arm64 System RAM but what /proc/iomem calls `reserved` in it.
///
/// No two are joined, even where they touch: both look at one at a time.
///
/// # Errors
///
/// [`PlanError::NoIomem`], [`PlanError::NoMemblock`] or [`PlanError::NoFirmwareMap`] when what is searched was not
/// shown, [`PlanError::ClassUnknown`] when the rules differ for the classes that memory may be of.
pub fn candidates(
    machine: &Machine,
    facts: &Facts,
    loader: Loader,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let spans = match (loader, machine.kernel.facts.map_handed_on, machine.kernel.facts.walk) {
        (Loader::KexecLoad, MapHandedOn::E820, _) => {
            return allowed_for_kexec_tools(machine, &x86_load::ram(machine, facts)?, rules);
        }
        (Loader::KexecLoad, MapHandedOn::BootFirmware, _) => unreserved(machine)?,
        (Loader::KexecFileLoad, _, Walk::Resources) => system_ram(machine)?,
        (Loader::KexecFileLoad, _, Walk::Memblock) => {
            facts.free_in_memblock.clone().ok_or(PlanError::NoMemblock)?
        }
    };
    allowed(machine, &spans, &[], Use::KexecImage(loader), rules)
}

/// What the dump of a crash kernel holds, ascending: one range for each PT_LOAD of its header but the kernel's text
/// (arch/x86/kernel/crash.c:prepare_elf_headers, 6.12).
///
/// # Errors
///
/// [`PlanError::NoIomem`], or [`PlanError::ClassUnknown`] when the rules differ for the classes that memory may
/// be of.
pub fn dumped(
    machine: &Machine,
    crash_kernel: &CrashKernel,
    loader: Loader,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let areas: Vec<PhysRange> = crash_kernel.areas().collect();
    allowed(machine, &system_ram(machine)?, &areas, Use::Vmcore(loader), rules)
}

/// Whether memory may be unplugged while an image lies on it, after which kexec has to be armed again; `None` where
/// nothing tells its class.
pub(crate) fn is_removable(machine: &Machine, memory: &MemoryRange, rules: &Rules) -> Option<bool> {
    let verdict = memory.verdict(rules, Use::AfterUnplug, &machine.kernel)?;
    Some(verdict.allowed && verdict.consequence == Consequence::RearmKexec)
}

/// The memory that may be unplugged while an image lies on it, after which kexec has to be armed again, ascending.
///
/// # Errors
///
/// [`PlanError::ClassUnknown`] when nothing tells the class of memory that an unplug could take away.
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

/// What the dump of a crash kernel loaded by kexec_file_load holds on arm64, ascending: memblock's regions but NOMAP,
/// to the byte, each by itself even where two touch, without the crash kernel's areas
/// (arch/arm64/kernel/machine_kexec_file.c:prepare_elf_headers, 6.12). O(regions * log(regions) + ranges).
///
/// # Errors
///
/// [`PlanError::NoMemblock`], or [`PlanError::ClassUnknown`] when the rules differ for the classes that memory may
/// be of.
pub fn dumped_of_memblock(
    machine: &Machine,
    facts: &Facts,
    crash_kernel: &CrashKernel,
    loader: Loader,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let areas: Vec<PhysRange> = crash_kernel.areas().collect();
    let regions = facts.mapped_in_memblock.as_deref().ok_or(PlanError::NoMemblock)?;
    let page = machine.kernel.page_size;
    // The machine's memory is whole pages; of a page at a region's end the region may have a part.
    let to_the_byte = |part: PhysRange| {
        let index = regions.partition_point(|region| region.end() <= part.start());
        let region = regions.get(index).copied().unwrap_or(part);
        let is_near = |a: u64, b: u64| a.abs_diff(b) < page;
        let start = if is_near(part.start(), region.start()) { region.start() } else { part.start() };
        let end = if is_near(part.end(), region.end()) { region.end() } else { part.end() };
        PhysRange::new(start, end).unwrap_or(part)
    };
    let parts = allowed(machine, regions, &areas, Use::Vmcore(loader), rules)?;
    Ok(parts.into_iter().map(to_the_byte).collect())
}

/// The memory that the next kernel is told of, by the rules alone, ascending and joined: what a plan says where the
/// firmware's own map is not shown. Memory whose class nothing tells is left out.
pub fn told(machine: &Machine, loader: Loader, rules: &Rules) -> Vec<PhysRange> {
    let is_told = |memory: &&MemoryRange| {
        let verdict = memory.verdict(rules, Use::NextKernel(loader), &machine.kernel);
        verdict.is_some_and(|verdict| verdict.allowed)
    };
    let told = machine.ranges.iter().filter(is_told).map(|memory| memory.range);
    ranges::merged(told).collect()
}

/// Each System RAM resource, driver-managed or not.
fn system_ram(machine: &Machine) -> Result<Vec<PhysRange>, PlanError> {
    let tree = machine.resources.as_ref().ok_or(PlanError::NoIomem)?;
    Ok(tree.system_ram().filter_map(|resource| resource.range().ok()).collect())
}

/// System RAM but what /proc/iomem calls `reserved` in it, where kexec-tools looks on arm64 (kexec-tools 2.0.25,
/// `kexec -d`: get_memory_ranges).
fn unreserved(machine: &Machine) -> Result<Vec<PhysRange>, PlanError> {
    let tree = machine.resources.as_ref().ok_or(PlanError::NoIomem)?;
    let is_reserved = |resource: &&Resource| resource.name == "reserved" && resource.depth > 0;
    let mut reserved: Vec<PhysRange> =
        tree.resources().iter().filter(is_reserved).filter_map(|resource| resource.range().ok()).collect();
    reserved.sort_unstable();
    let reserved = ranges::merged(reserved.into_iter());
    Ok(ranges::difference(system_ram(machine)?.into_iter(), reserved).collect())
}

/// The parts of `spans` that may be used, whole within each span. A span may be of several classes or nodes, by
/// which the machine's ranges are cut: the kernel does not see those seams.
/// Spans ascend. O(spans + ranges), and a few for each of `crash_areas`.
fn allowed(
    machine: &Machine,
    spans: &[PhysRange],
    crash_areas: &[PhysRange],
    of: Use,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    // Memory is cut where an answer may change: the rules know the first MiB and the crash kernel's areas.
    let first_mib = PhysRange::new(0, 1 << 20).ok();
    let cuts: Vec<PhysRange> = first_mib.into_iter().chain(crash_areas.iter().copied()).collect();
    let mut memories = machine.ranges.iter();
    let (mut all, mut of_span) = (Vec::with_capacity(spans.len()), Vec::new());
    for &span in spans {
        of_span.clear();
        pass_below(&mut memories, span);
        for memory in memories.clone() {
            let Some(part) = memory.range.intersect(span) else { break };
            // Nearly all memory is whole: it is asked about as it is, without a copy.
            if part == memory.range && !cuts.iter().any(|cut| cut.overlaps(part)) {
                if is_allowed(machine, memory, of, rules)? {
                    of_span.push(part);
                }
                continue;
            }
            for piece in pieces(part, &cuts) {
                let in_crash_kernel = crash_areas.iter().any(|area| area.encloses(piece));
                let memory = MemoryRange { range: piece, in_crash_kernel, ..memory.clone() };
                if is_allowed(machine, &memory, of, rules)? {
                    of_span.push(piece);
                }
            }
        }
        all.extend(ranges::merged(of_span.iter().copied()));
    }
    Ok(all)
}

/// The parts of `spans` that kexec-tools may place on, whole within each span. It reads of them in a map, and knows
/// nothing of what the running kernel made of them: a part that is no System RAM here, as `mem=` or `memmap=` has it, is
/// asked about as the boot memory that the map calls it.
fn allowed_for_kexec_tools(
    machine: &Machine,
    spans: &[PhysRange],
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    let of = Use::KexecImage(Loader::KexecLoad);
    let boot = rules::Memory::of(Class::Boot);
    let may_take_unused = rules.verdict(of, &boot, &machine.kernel.facts).allowed;
    let mut memories = machine.ranges.iter();
    let mut all = Vec::with_capacity(spans.len());
    for &span in spans {
        pass_below(&mut memories, span);
        // Nearly all memory is whole: it is asked about as it is, without a copy.
        if let Some(memory) = memories.as_slice().first()
            && memory.range == span
            && memory.listed_by_firmware
        {
            if is_allowed(machine, memory, of, rules)? {
                all.push(span);
            }
            continue;
        }
        let used = memories.clone();
        let used: Vec<(&MemoryRange, PhysRange)> =
            used.map_while(|memory| Some((memory, memory.range.intersect(span)?))).collect();
        let mut of_span = Vec::new();
        for &(memory, range) in &used {
            let memory = MemoryRange { range, listed_by_firmware: true, ..memory.clone() };
            if is_allowed(machine, &memory, of, rules)? {
                of_span.push(range);
            }
        }
        if may_take_unused {
            of_span.extend(ranges::difference([span].into_iter(), used.iter().map(|(_, range)| *range)));
        }
        of_span.sort_unstable();
        all.extend(ranges::merged(of_span.iter().copied()));
    }
    Ok(all)
}

/// Passes what lies below a span. Spans and memories ascend: it lies below the next span, too.
fn pass_below(memories: &mut std::slice::Iter<'_, MemoryRange>, span: PhysRange) {
    while memories.as_slice().first().is_some_and(|memory| memory.range.end() <= span.start()) {
        memories.next();
    }
}

/// A range, cut at both ends of each of `cuts`; ascending.
fn pieces(range: PhysRange, cuts: &[PhysRange]) -> Vec<PhysRange> {
    let mut pieces = vec![range];
    for cut in cuts {
        let halves = |piece: PhysRange| {
            let (below, above) = piece.subtract(*cut);
            [below, piece.intersect(*cut), above]
        };
        pieces = pieces.into_iter().flat_map(halves).flatten().collect();
    }
    pieces
}

/// The rules' answer; where nothing told the class, that of every class it may be, if they agree.
fn is_allowed(machine: &Machine, memory: &MemoryRange, of: Use, rules: &Rules) -> Result<bool, PlanError> {
    if let Some(verdict) = memory.verdict(rules, of, &machine.kernel) {
        return Ok(verdict.allowed);
    }
    // Driver-managed memory is known by its resource's name; what has another name is of another class.
    let not_driver_managed = memory.resource.as_ref().is_some_and(|resource| resource.name == "System RAM");
    let mut answers = Class::ALL
        .into_iter()
        .filter(|class| !(not_driver_managed && *class == Class::DriverManaged))
        .filter_map(|class| {
            let memory = MemoryRange { class: Some(class), ..memory.clone() };
            memory.verdict(rules, of, &machine.kernel).map(|verdict| verdict.allowed)
        });
    let first = answers.next();
    match first {
        Some(answer) if answers.all(|other| other == answer) => Ok(answer),
        _ => Err(PlanError::ClassUnknown { range: memory.range }),
    }
}

#[cfg(test)]
mod tests;
