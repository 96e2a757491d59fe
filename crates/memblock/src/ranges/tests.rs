//! Checks every adaptor against sets of addresses, from both ends.

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Sorted, disjoint ranges, some of them touching, below address 400.
fn sorted_ranges() -> impl Strategy<Value = Vec<PhysRange>> {
    vec((0..6_u64, 1..8_u64), 0..25).prop_map(|steps| {
        let mut at = 0;
        let place = |(gap, size): (u64, u64)| {
            let start = at + gap;
            at = start + size;
            PhysRange::from_size(start, size).unwrap()
        };
        steps.into_iter().map(place).collect()
    })
}

fn has(ranges: &[PhysRange], address: u64) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

/// Takes from the front or the back as `picks` says; returns the items in ascending order.
fn from_both_ends<T>(mut iter: impl DoubleEndedIterator<Item = T>, picks: &[bool]) -> Vec<T> {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for pick in picks.iter().cycle() {
        let (item, list) = if *pick { (iter.next(), &mut front) } else { (iter.next_back(), &mut back) };
        match item {
            Some(item) => list.push(item),
            None => break,
        }
    }
    front.extend(back.into_iter().rev());
    front
}

fn is_sorted_and_disjoint(ranges: &[PhysRange]) -> bool {
    ranges.iter().zip(ranges.iter().skip(1)).all(|(a, b)| a.end() <= b.start())
}

proptest! {
    #[test]
    fn each_adaptor_gives_its_set_from_whichever_end_it_is_taken(
        a in sorted_ranges(),
        b in sorted_ranges(),
        picks in vec(any::<bool>(), 1..9),
    ) {
        let (of_a, of_b) = (|| a.iter().copied(), || b.iter().copied());
        let difference: Vec<_> = difference(of_a(), of_b()).collect();
        let intersection: Vec<_> = intersection(of_a(), of_b()).collect();
        let union: Vec<_> = union(of_a(), of_b()).collect();
        for address in 0..400 {
            let (in_a, in_b) = (has(&a, address), has(&b, address));
            prop_assert_eq!(has(&difference, address), in_a && !in_b);
            prop_assert_eq!(has(&intersection, address), in_a && in_b);
            prop_assert_eq!(has(&union, address), in_a || in_b);
        }
        for pieces in [&difference, &intersection, &union] {
            prop_assert!(is_sorted_and_disjoint(pieces));
        }
        prop_assert!(union.iter().zip(union.iter().skip(1)).all(|(a, b)| a.end() < b.start()));
        prop_assert_eq!(from_both_ends(super::difference(of_a(), of_b()), &picks), difference);
        prop_assert_eq!(from_both_ends(super::intersection(of_a(), of_b()), &picks), intersection);
        prop_assert_eq!(from_both_ends(super::union(of_a(), of_b()), &picks), union);
    }

    #[test]
    fn difference_gives_one_piece_per_range_and_gap(a in sorted_ranges(), b in sorted_ranges()) {
        let gaps = difference(core::iter::once(PhysRange::new(0, 1000).unwrap()), b.iter().copied());
        let pieces = intersection(a.iter().copied(), merged(gaps));
        prop_assert!(difference(a.iter().copied(), b.iter().copied()).eq(pieces));
    }
}
