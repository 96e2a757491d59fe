//! Checks a large table, with chunks of the real size, against the standard library's set.

// Tests may panic, in their helpers too.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use memblock::{Chunk, PhysRange, Region, RegionTable};

const PAGE: u64 = 0x1000;

/// A fixed pseudo-random sequence of numbers (xorshift).
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

fn page(number: u64) -> PhysRange {
    PhysRange::from_size(number * 2 * PAGE, PAGE).unwrap()
}

/// The range of each page in the set.
fn ends(set: &BTreeSet<u64>) -> impl DoubleEndedIterator<Item = PhysRange> {
    set.iter().map(|number| page(*number))
}

#[test]
fn fifty_thousand_random_changes_leave_the_table_equal_to_an_ordered_set() {
    let mut storage = vec![Chunk::EMPTY; 2000];
    let (mut table, mut set) = (RegionTable::new(), BTreeSet::new());
    table.grow(&mut storage).unwrap();
    for (turn, number) in numbers().take(50_000).enumerate() {
        let number = number % 40_000;
        // Grows in the first half, shrinks in the second.
        if (number / 7 % 4 == 0) == (turn < 25_000) {
            table.remove(page(number)).unwrap();
            set.remove(&number);
        } else {
            table.add(Region::plain(page(number))).unwrap();
            set.insert(number);
        }
        assert_eq!(table.len(), set.len());
    }
    assert!(table.is_consistent());
    assert!(table.len() > 1000);
    assert!(table.iter().map(|region| region.range).eq(ends(&set)));
    assert!(table.iter().rev().map(|region| region.range).eq(ends(&set).rev()));

    let all = PhysRange::new(0, 40_001 * 2 * PAGE).unwrap();
    for min_size in [1, 3 * PAGE, 9 * PAGE, 33 * PAGE] {
        let gaps: Vec<PhysRange> =
            memblock::ranges::difference(std::iter::once(all), ends(&set).collect::<Vec<_>>().into_iter())
                .filter(|gap| gap.size() >= min_size)
                .collect();
        assert!(table.gaps(all, min_size).eq(gaps.iter().copied()));
        assert!(table.gaps(all, min_size).rev().eq(gaps.into_iter().rev()));
    }
}

#[test]
fn a_hundred_thousand_sorted_regions_take_little_more_than_their_own_size() {
    let mut storage = vec![Chunk::EMPTY; 1700];
    let mut table = RegionTable::new();
    table.grow(&mut storage).unwrap();
    table.add_all((0..100_000).map(|number| Region::plain(page(number)))).unwrap();
    assert!(table.is_consistent());
    let used = (table.chunks() - table.vacant_chunks()) * size_of::<Chunk>();
    assert!(used < 100_000 * 25, "{used} bytes");
}
