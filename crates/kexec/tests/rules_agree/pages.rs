//! Compares a mechanism with the rules, page by page.

use kexec::CrashKernel;
use machine::Machine;
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};
use rules::{Rules, Use};

/// Memory on which the two disagree.
// Its fields are read where it is printed.
#[allow(dead_code)]
#[derive(Debug)]
pub(crate) struct Disagreement {
    of: Use,
    piece: PhysRange,
    class: &'static str,
    mechanism: bool,
    rule: &'static str,
    reason: &'static str,
}

pub(crate) struct Compared {
    pub(crate) compared: usize,
    pub(crate) wrong: Vec<Disagreement>,
}

/// Cuts the machine's memory wherever either answer may change, and compares both on each piece of whole pages. Memory
/// whose class nothing tells has no verdict, and is left out.
pub(crate) fn compare(machine: &Machine, of: Use, mechanism: &RangeSet, rules: &Rules) -> Compared {
    let page = machine.kernel.page_size;
    let mut cuts: Vec<PhysRange> = mechanism.iter().collect();
    cuts.extend(PhysRange::new(0, 1 << 20).ok());
    cuts.extend(CrashKernel::of(machine).iter().flat_map(CrashKernel::areas));
    // A region of memblock may carry flags that its neighbours lack.
    let regions = machine.evidence.memblock_memory.read().map_or(&[][..], |table| &table.regions);
    cuts.extend(regions.iter().map(|region| region.range));
    let parts = machine.parts();
    let mut found = Compared { compared: 0, wrong: Vec::new() };
    for memory in &machine.ranges {
        for piece in pieces(memory.range, &cuts) {
            let Some(piece) = piece.shrink_to_multiples(page) else { continue };
            let part = parts.of(memory, piece);
            let Some(verdict) = part.verdict(rules, of, &machine.kernel) else { continue };
            found.compared += 1;
            let by_mechanism = mechanism.bytes_within(piece) == piece.size();
            if by_mechanism != verdict.allowed {
                found.wrong.push(Disagreement {
                    of,
                    piece,
                    class: memory.class.map_or("unknown", rules::Class::as_str),
                    mechanism: by_mechanism,
                    rule: verdict.rule,
                    reason: verdict.reason,
                });
            }
        }
    }
    found
}

/// A range, cut at both ends of each of `cuts`.
fn pieces(range: PhysRange, cuts: &[PhysRange]) -> Vec<PhysRange> {
    let mut bounds: Vec<u64> = cuts.iter().flat_map(|cut| [cut.start(), cut.end()]).collect();
    bounds.retain(|at| range.contains(*at));
    bounds.extend([range.start(), range.end()]);
    bounds.sort_unstable();
    bounds.dedup();
    bounds.windows(2).filter_map(|pair| PhysRange::new(pair[0], pair[1]).ok()).collect()
}

/// What is in `of` and not in `without`.
pub(crate) fn minus(of: &RangeSet, without: &RangeSet) -> RangeSet {
    ranges::difference(of.iter(), without.iter()).collect()
}

/// The whole pages of a set that are System RAM.
pub(crate) fn whole_pages_of_ram(machine: &Machine, set: &RangeSet) -> Vec<PhysRange> {
    let parts = machine.ranges.iter().flat_map(|memory| set.within(memory.range).collect::<Vec<_>>());
    parts.filter_map(|part| part.shrink_to_multiples(machine.kernel.page_size)).collect()
}
