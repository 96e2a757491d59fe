//! The parts of memory that the rules allow for a use.
//!
//! Nothing is decided here: [`rules`] is asked about each part, and only what it allows is returned.

use machine::{Machine, MemoryRange};
use memblock::{PhysRange, ranges};
use rules::{Class, Loader, Rules, Use};

use crate::error::PlanError;

/// The parts of `spans` that may be used, joined within each span: the machine's ranges are split by class
/// and node, but the kernel does not see those seams. Spans are ascending. O(spans + ranges), plus a little
/// for each of `crash_areas`.
pub(crate) fn allowed(
    machine: &Machine,
    spans: &[PhysRange],
    crash_areas: &[PhysRange],
    of: Use,
    rules: &Rules,
) -> Result<Vec<PhysRange>, PlanError> {
    // Split memory where the answer may change: at the first MiB and at the crash kernel's areas, contiguous ones
    // too, which the rules know.
    let first_mib = PhysRange::new(0, 1 << 20).ok();
    let cuts: Vec<PhysRange> = first_mib.into_iter().chain(crash_areas.iter().copied()).collect();
    let cma = &machine.state.crash_cma;
    let cuts = [cuts, cma.clone()].concat();
    let mut memories = machine.ranges.iter();
    let (mut all, mut of_span) = (Vec::with_capacity(spans.len()), Vec::new());
    for &span in spans {
        of_span.clear();
        pass_below(&mut memories, span);
        for memory in memories.clone() {
            let Some(part) = memory.range.intersect(span) else { break };
            // Nearly all ranges are whole; they need no copy.
            if part == memory.range && !cuts.iter().any(|cut| cut.overlaps(part)) {
                if is_allowed(machine, memory, of, rules)? {
                    of_span.push(part);
                }
                continue;
            }
            for piece in pieces(part, &cuts) {
                let in_crash_kernel = crash_areas.iter().any(|area| area.encloses(piece));
                let in_crash_cma = cma.iter().any(|area| area.encloses(piece));
                let memory = MemoryRange { range: piece, in_crash_kernel, in_crash_cma, ..memory.clone() };
                if is_allowed(machine, &memory, of, rules)? {
                    of_span.push(piece);
                }
            }
        }
        all.extend(ranges::merged(of_span.iter().copied()));
    }
    Ok(all)
}

/// The parts of `spans` in which kexec-tools may place segments, joined within each span. kexec-tools reads
/// them from a map and does not know what the running kernel made of them: a part that is not System RAM
/// here, because of `mem=` or `memmap=`, counts as the boot memory that the map calls it.
pub(crate) fn allowed_for_kexec_tools(
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
        // Nearly all ranges are whole; they need no copy.
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

/// Skips memory below a span. Spans and memories are ascending: it lies below the next span, too.
fn pass_below(memories: &mut std::slice::Iter<'_, MemoryRange>, span: PhysRange) {
    while memories.as_slice().first().is_some_and(|memory| memory.range.end() <= span.start()) {
        memories.next();
    }
}

/// A range, split at both ends of each of `cuts`; ascending.
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

/// The rules' answer; if the class is unknown, the answer for every possible class, if they agree.
fn is_allowed(machine: &Machine, memory: &MemoryRange, of: Use, rules: &Rules) -> Result<bool, PlanError> {
    if let Some(verdict) = memory.verdict(rules, of, &machine.kernel) {
        return Ok(verdict.allowed);
    }
    // Driver-managed memory is recognized by the name of its resource; memory with another name is of another
    // class.
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
