use proptest::prelude::*;

use super::*;

const PAGE: u64 = 0x1000;

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// All there is to it, without a search: of every aligned address the outermost that fits, candidate after
/// candidate.
fn brute_force(search: &Search, candidates: &[PhysRange], taken: &[PhysRange]) -> Option<PhysRange> {
    let fits = |candidate: PhysRange| {
        let starts = (0..SPACE).step_by(usize::try_from(search.alignment).unwrap());
        starts.map(|start| r(start, start + search.size)).filter(move |hole| {
            candidate.encloses(*hole)
                && search.min <= hole.start()
                && hole.end() <= search.limit
                && !taken.iter().any(|segment| segment.overlaps(*hole))
        })
    };
    match search.direction {
        Direction::BottomUp => candidates.iter().find_map(|&c| fits(c).next()),
        Direction::TopDown => candidates.iter().rev().find_map(|&c| fits(c).last()),
    }
}

/// The way the kernel is described to go: a page at a time, aligned again.
fn page_by_page(search: &Search, candidates: &[PhysRange], taken: &[PhysRange]) -> Option<PhysRange> {
    let down = search.direction == Direction::TopDown;
    let within = |candidate: &PhysRange| {
        let bounds = candidate.intersect(PhysRange::new(search.min, search.limit).ok()?)?;
        let mut start = if down { bounds.end().checked_sub(search.size)? } else { bounds.start() };
        loop {
            start = if down {
                start - start % search.alignment
            } else {
                start.next_multiple_of(search.alignment)
            };
            let hole = r(start, start + search.size);
            if !bounds.encloses(hole) {
                return None;
            }
            if !taken.iter().any(|segment| segment.overlaps(hole)) {
                return Some(hole);
            }
            start = if down { start.checked_sub(PAGE)? } else { start + PAGE };
        }
    };
    if down { candidates.iter().rev().find_map(within) } else { candidates.iter().find_map(within) }
}

const SPACE: u64 = 64 * PAGE;

/// Ascending ranges whose ends are no multiples of a page, as those of RAM need not be.
fn candidates() -> impl Strategy<Value = Vec<PhysRange>> {
    prop::collection::btree_set(0..SPACE / 0x400, 0..12).prop_map(|ends| {
        let ends: Vec<u64> = ends.into_iter().map(|end| end * 0x400).collect();
        ends.chunks_exact(2).map(|ends| r(ends[0], ends[1])).collect()
    })
}

fn segments() -> impl Strategy<Value = Vec<PhysRange>> {
    let segment = (0..60_u64, 1..5_u64).prop_map(|(start, pages)| r(start * PAGE, (start + pages) * PAGE));
    prop::collection::vec(segment, 0..6)
}

fn searches() -> impl Strategy<Value = Search> {
    let direction = prop_oneof![Just(Direction::TopDown), Just(Direction::BottomUp)];
    let limit = prop_oneof![Just(u64::MAX), 0..SPACE];
    (1..9 * PAGE, 0..5_u32, direction, prop_oneof![Just(0), 0..SPACE], limit).prop_map(
        |(size, order, direction, min, limit)| {
            let search = Search::new(size, PAGE << order, PAGE, direction).unwrap();
            search.at_or_above(min).ending_by(limit)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_search_agrees_with_trying_every_aligned_address(
        search in searches(),
        candidates in candidates(),
        taken in segments(),
    ) {
        let found = search.find(&candidates, &taken).map(|(hole, _)| hole);
        prop_assert_eq!(found, brute_force(&search, &candidates, &taken));
        prop_assert_eq!(found, page_by_page(&search, &candidates, &taken));
    }

    #[test]
    fn no_search_panics_wherever_its_bounds_lie(
        size in 1..=u64::MAX,
        order in 0..64_u32,
        bounds in any::<(u64, u64)>(),
        ends in any::<(u64, u64)>(),
        down in any::<bool>(),
    ) {
        let direction = if down { Direction::TopDown } else { Direction::BottomUp };
        if let (Ok(search), Ok(candidate)) =
            (Search::new(size, 1 << order, PAGE, direction), PhysRange::new(ends.0, ends.1))
        {
            let search = search.at_or_above(bounds.0).ending_by(bounds.1);
            if let Some((hole, _)) = search.find(&[candidate], &[]) {
                prop_assert!(candidate.encloses(hole) && hole.start() % search.alignment() == 0);
            }
        }
    }
}

#[test]
fn a_hole_may_fill_its_candidate_and_touch_other_segments() {
    let search = Search::new(2 * PAGE, 0, PAGE, Direction::TopDown).unwrap();
    let ram = [r(0, 4 * PAGE)];
    assert_eq!(search.find(&ram, &[r(2 * PAGE, 4 * PAGE)]), Some((r(0, 2 * PAGE), ram[0])));
    assert_eq!(search.find(&ram, &[r(PAGE, 2 * PAGE), r(3 * PAGE, 4 * PAGE)]), None);
}

#[test]
fn a_search_that_skips_the_last_page_takes_the_one_below_and_refuses_what_fits_exactly() {
    let search = |size| {
        let search = Search::new(size, 0, PAGE, Direction::TopDown).unwrap().skipping_the_last_page(true);
        search.find(&[r(0, 4 * PAGE)], &[]).map(|(hole, _)| hole)
    };
    assert_eq!(search(2 * PAGE), Some(r(PAGE, 3 * PAGE)));
    assert_eq!(search(4 * PAGE), None);
    let upwards = Search::new(4 * PAGE, 0, PAGE, Direction::BottomUp).unwrap().skipping_the_last_page(true);
    assert!(upwards.find(&[r(0, 4 * PAGE)], &[]).is_some());
    // A range that ends inside a page loses nothing.
    let search = Search::new(PAGE, 0, PAGE, Direction::TopDown).unwrap().skipping_the_last_page(true);
    assert_eq!(search.find(&[r(0, 3 * PAGE + 1)], &[]).unwrap().0, r(2 * PAGE, 3 * PAGE));
}

#[test]
fn a_hole_never_lies_across_two_candidates_that_touch() {
    let search = Search::new(2 * PAGE, 0, PAGE, Direction::BottomUp).unwrap();
    assert_eq!(search.find(&[r(0, PAGE), r(PAGE, 2 * PAGE)], &[]), None);
}

#[test]
fn sizes_and_alignments_no_search_can_be_made_with_are_refused() {
    let new = |size, alignment| Search::new(size, alignment, PAGE, Direction::TopDown);
    assert_eq!(new(0, 0), Err(SearchError::Empty));
    assert_eq!(new(u64::MAX, 0), Err(SearchError::Size { size: u64::MAX }));
    assert_eq!(new(1, 0x3000), Err(SearchError::Alignment { alignment: 0x3000 }));
    assert_eq!(new(1, 3).unwrap().alignment(), PAGE);
    assert_eq!(new(1, 1 << 63).unwrap().find(&[r(0, u64::MAX)], &[]).unwrap().0.start(), 1 << 63);
}
