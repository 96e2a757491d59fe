//! Compares two region tables: which addresses changed.

use std::collections::BTreeSet;

use memblock::{PhysRange, Region};

use crate::boot::verify::entries::{Unlike, describe};

/// The addresses whose node or flags differ, or that only one table has. Adjacent addresses with the same change are
/// joined. O(n log n).
pub(crate) fn differences(before: &[Region], after: &[Region]) -> Vec<Unlike> {
    let bounds = |region: &Region| [region.range.start(), region.range.end()];
    let cuts: BTreeSet<u64> = before.iter().chain(after).flat_map(bounds).collect();
    let mut unlike: Vec<(PhysRange, Option<&Region>, Option<&Region>)> = Vec::new();
    for (start, end) in cuts.iter().zip(cuts.iter().skip(1)) {
        let Ok(range) = PhysRange::new(*start, *end) else { continue };
        let (old, new) = (at(before, *start), at(after, *start));
        if is_alike(old, new) {
            continue;
        }
        match unlike.last_mut() {
            Some((last, old_of_last, new_of_last))
                if last.end() == *start && is_alike(*old_of_last, old) && is_alike(*new_of_last, new) =>
            {
                *last = last.hull(range);
            }
            _ => unlike.push((range, old, new)),
        }
    }
    let tell = |(range, old, new): (PhysRange, Option<&Region>, Option<&Region>)| Unlike {
        what: range.to_string(),
        range: Some(range),
        before: old.map(describe),
        after: new.map(describe),
    };
    unlike.into_iter().map(tell).collect()
}

fn at(regions: &[Region], address: u64) -> Option<&Region> {
    let index = regions.partition_point(|region| region.range.end() <= address);
    regions.get(index).filter(|region| region.range.contains(address))
}

fn is_alike(a: Option<&Region>, b: Option<&Region>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.is_alike(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use memblock::NodeId;

    use super::*;

    fn region(start: u64, end: u64, node: u32) -> Region {
        Region { node: NodeId::new(node), ..Region::plain(PhysRange::new(start, end).unwrap()) }
    }

    #[test]
    fn only_changed_addresses_are_listed_and_neighbors_are_joined() {
        let before = [region(0x1000, 0x4000, 0), region(0x4000, 0x6000, 1)];
        let after = [region(0x1000, 0x2000, 0), region(0x3000, 0x5000, 0), region(0x5000, 0x8000, 1)];
        let found = differences(&before, &after);
        let rows: Vec<_> =
            found.iter().map(|u| (&*u.what, u.before.as_deref(), u.after.as_deref())).collect();
        let (zero, one) = (Some("node 0, NONE"), Some("node 1, NONE"));
        assert_eq!(
            rows,
            [
                ("00002000-00002fff", zero, None),
                ("00004000-00004fff", one, zero),
                ("00006000-00007fff", None, one)
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }
}
