//! The memory that the next kernel is told about, by the rules.

use firmware::e820::{E820Type, Entry};
use machine::range_set::RangeSet;
use machine::{Machine, MemoryRange};
use memblock::{PhysRange, ranges};
use rules::{Loader, Rules, Use};

/// The memory that the next kernel is told about, by the rules only, ascending and joined: what a plan says
/// if the firmware's own map is not shown. Memory of unknown class is left out.
pub fn told(machine: &Machine, loader: Loader, rules: &Rules) -> Vec<PhysRange> {
    let is_told = |memory: &&MemoryRange| {
        let verdict = memory.verdict(rules, Use::NextKernel(loader), &machine.kernel);
        verdict.is_some_and(|verdict| verdict.allowed)
    };
    let told = machine.ranges.iter().filter(is_told).map(|memory| memory.range);
    ranges::merged(told).collect()
}

/// The next kernel's map as its loader makes it, corrected by rules that differ from those of released Linux, which the
/// loader follows by itself: tests compare its mechanism with them page by page (`tests/rules_agree`).
pub(crate) fn corrected(map: Vec<Entry>, machine: &Machine, loader: Loader, rules: &Rules) -> Vec<Entry> {
    if rules.is_as_linux(Use::NextKernel(loader)) { map } else { by_verdicts(map, machine, loader, rules) }
}

/// The map with its RAM as the rules have it: RAM that they say the next kernel is not told about is cut out, and RAM
/// that they say it is told about is added at the end.
///
/// Memory of unknown class stays as the loader has it, and so does anything smaller than a page. O(entries + ranges).
fn by_verdicts(map: Vec<Entry>, machine: &Machine, loader: Loader, rules: &Rules) -> Vec<Entry> {
    let page = machine.kernel.page_size;
    let verdicts = |allowed: bool| -> RangeSet {
        let has_verdict = |memory: &&MemoryRange| {
            let verdict = memory.verdict(rules, Use::NextKernel(loader), &machine.kernel);
            verdict.is_some_and(|verdict| verdict.allowed == allowed)
        };
        let whole = |memory: &MemoryRange| memory.range.shrink_to_multiples(page);
        machine.ranges.iter().filter(has_verdict).filter_map(whole).collect()
    };
    let (told, untold) = (verdicts(true), verdicts(false));
    let in_map: RangeSet =
        map.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect();
    let added: Vec<PhysRange> = ranges::difference(told.iter(), in_map.iter())
        .filter_map(|range| range.shrink_to_multiples(page))
        .collect();
    if added.is_empty() && !untold.iter().any(|range| in_map.overlaps(range)) {
        return map;
    }
    let cut = |entry: Entry| -> Vec<Entry> {
        if entry.kind != E820Type::Ram {
            return vec![entry];
        }
        let kept = ranges::difference([entry.range].into_iter(), untold.within(entry.range));
        kept.map(|range| Entry { range, ..entry }).collect()
    };
    let added = added.into_iter().map(|range| Entry { range, kind: E820Type::Ram });
    map.into_iter().flat_map(cut).chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::x86;

    fn ram(start: u64, end: u64) -> Entry {
        Entry { range: PhysRange::new(start, end).unwrap(), kind: E820Type::Ram }
    }

    #[test]
    fn what_the_rules_do_not_tell_is_cut_out_of_the_map_and_what_they_tell_is_added() {
        let mut machine = x86("00100000-7fffffff : System RAM\n100000000-13fffffff : System RAM (kmem)\n");
        machine.ranges[0].listed_by_firmware = true;
        let of = |map: &[Entry]| by_verdicts(map.to_vec(), &machine, Loader::KexecFileLoad, &Rules::LINUX);
        let right = [ram(0x10_0000, 0x8000_0000)];
        assert_eq!(of(&right), right);
        assert_eq!(of(&[right[0], ram(0x1_0000_0000, 0x1_4000_0000)]), right);
        assert_eq!(of(&[ram(0xf000_0000, 0x1_1000_0000)]), [ram(0xf000_0000, 0x1_0000_0000), right[0]]);
        assert_eq!(of(&[]), right);
    }
}
