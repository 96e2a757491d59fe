//! Why something changes: the lines in one boot's trace that are missing from the other's.

use std::collections::HashSet;

use memblock::{NodeId, PhysRange, RegionFlags};
use rules::{Class, Memory, Use};

use crate::boot::trace::TraceLine;
use crate::boot::verify::entries::Unlike;
use crate::what_if::change::{Side, Subject};

/// The trace lines that only one of the two boots has.
pub(crate) struct Reasons<'a> {
    before: Side<'a>,
    after: Side<'a>,
    gone: Vec<Line<'a>>,
    new: Vec<Line<'a>>,
}

/// A trace line, with the addresses it contains.
struct Line<'a> {
    line: &'a TraceLine,
    ranges: Vec<PhysRange>,
}

impl<'a> Reasons<'a> {
    pub(crate) fn new(before: Side<'a>, after: Side<'a>) -> Self {
        let (old, new) = (&before.prediction.trace, &after.prediction.trace);
        Self { before, after, gone: only_in(old, new), new: only_in(new, old) }
    }

    pub(crate) fn of(&self, subject: Subject, unlike: &Unlike) -> String {
        let found = match subject {
            Subject::MovableStart | Subject::Zones => self.of_movable(unlike),
            Subject::Crashkernel => self.last_of("reserve_crashkernel"),
            Subject::Memory => {
                self.of_range(subject, unlike, |line| !is_reservation(line) && !is_of_zones(line))
            }
            Subject::Reserved | Subject::Scratch => self.of_range(subject, unlike, is_reservation),
            Subject::Panic => self.new.last().map(|line| tell(line.line)),
            _ => None,
        };
        found.unwrap_or_else(|| "it follows from the other changes".to_owned())
    }

    /// The line whose addresses match best.
    fn of_range(
        &self,
        subject: Subject,
        unlike: &Unlike,
        is_of_kind: fn(&TraceLine) -> bool,
    ) -> Option<String> {
        let range = unlike.range?;
        let best = |lines: &[Line<'_>]| {
            let of_kind = lines.iter().filter(|line| is_of_kind(line.line));
            let fits = of_kind.filter_map(|line| Some((fit(line, range)?, line)));
            fits.max_by_key(|(fit, _)| *fit).map(|(_, line)| tell(line.line))
        };
        let gone = || Some(format!("no longer {}", best(&self.gone)?));
        // A missing reservation is explained by the line that no longer makes it; missing memory, by a new line that
        // removes it.
        if subject == Subject::Reserved && unlike.after.is_none() {
            return gone().or_else(|| best(&self.new));
        }
        best(&self.new).or_else(gone)
    }

    /// If either side has movable_node, a rule decides; otherwise kernelcore= and movablecore= do.
    fn of_movable(&self, unlike: &Unlike) -> Option<String> {
        let [old, new] = [self.before, self.after].map(|side| side.parameters().movable.movable_node);
        if !old && !new && self.before.rules.name == self.after.rules.name {
            return self.last_of("find_zone_movable");
        }
        let node = unlike.what.strip_prefix("node ")?.split(',').next()?.parse().ok().and_then(NodeId::new);
        let has_flag = |side: &Side<'_>| {
            let mut regions = side.prediction.memory.iter();
            regions.any(|region| region.node == node && region.flags.contains(RegionFlags::HOTPLUG))
        };
        let memory =
            Memory { kept_hotplug: Some(has_flag(&self.after)), ..Memory::of(Class::BootHotpluggable) };
        let kernel = rules::KernelFacts { movable_node: new, ..rules::KernelFacts::default() };
        let verdict = self.after.rules.verdict(Use::ZoneMovable, &memory, &kernel);
        Some(format!("{} ({})", verdict.reason, verdict.source))
    }

    /// The last line of a step, ignoring lines that only report each node's result.
    fn last_of(&self, step: &str) -> Option<String> {
        let last = |lines: &[Line<'_>]| {
            let mut of_step = lines.iter().rev().filter(|line| line.line.step.name.starts_with(step));
            of_step.find(|line| !line.line.what.starts_with("Node ")).map(|line| tell(line.line))
        };
        last(&self.new).or_else(|| Some(format!("no longer {}", last(&self.gone)?)))
    }
}

/// The overlap between a line's addresses and the range, in 1/65536.
fn fit(line: &Line<'_>, range: PhysRange) -> Option<u128> {
    let fits = line.ranges.iter().filter_map(|one| {
        let common = u128::from(one.intersect(range)?.size());
        (common << 16).checked_div(u128::from(one.hull(range).size()))
    });
    fits.max()
}

/// Whether a trace line changes reservations rather than memory.
fn is_reservation(line: &TraceLine) -> bool {
    let begins = ["allocated ", "memblock_reserve: ", "memblock_phys_free: "];
    begins.iter().any(|begin| line.what.starts_with(begin))
}

/// Whether a line is about zones, which follow from memory and change none.
fn is_of_zones(line: &TraceLine) -> bool {
    ["zone_sizes_init", "find_zone_movable"].iter().any(|begin| line.step.name.starts_with(begin))
}

fn tell(line: &TraceLine) -> String {
    format!("{}: {} ({})", line.what, line.why, line.step.source)
}

fn only_in<'a>(lines: &'a [TraceLine], others: &[TraceLine]) -> Vec<Line<'a>> {
    let key = |line: &TraceLine| (line.step.name, line.what.clone(), line.why.clone());
    let known: HashSet<_> = others.iter().map(key).collect();
    let only = lines.iter().filter(|line| !known.contains(&key(line)));
    only.map(|line| Line { line, ranges: ranges_in(&line.what) }).collect()
}

/// The ranges in a line: `[01000000-03bfffff]` or `[mem 0x…-0x…]`.
fn ranges_in(text: &str) -> Vec<PhysRange> {
    let bracketed = text.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    let number = |digits: &str| u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
    bracketed
        .filter_map(|inside| {
            let (start, last) = inside.trim_start_matches("mem ").split_once('-')?;
            PhysRange::from_inclusive(number(start)?, number(last)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_line_are_found_in_either_form() {
        let of = |text| ranges_in(text).iter().map(|range| (range.start(), range.end())).collect::<Vec<_>>();
        assert_eq!(
            of("NUMA: [00001000-0009ffff] + [mem 0x00100000-0xbfffffff]"),
            [(0x1000, 0xa_0000), (0x10_0000, 0xc000_0000)]
        );
        assert_eq!(of("[x-y] [1] [5-2]"), []);
    }
}
