use evidence::snapshot::BlockState;

use super::*;

fn block(number: u64, zones: &str) -> Block {
    let state = if zones.contains(' ') { BlockState::Offline } else { BlockState::Online };
    let zones = zones.split_whitespace().map(str::to_owned).collect();
    Block { number, state, zones, nodes: vec![0] }
}

fn order(change: Change, blocks: Vec<Block>, beside: &[Block]) -> Vec<u64> {
    let neighbour = |number| beside.iter().find(|block| block.number == number).cloned();
    ordered(change, blocks, neighbour).into_iter().map(|block| block.number).collect()
}

fn offline(numbers: std::ops::RangeInclusive<u64>) -> Vec<Block> {
    numbers.map(|number| block(number, "Normal Movable")).collect()
}

const TO_MOVABLE: Change = Change::Online(To::Movable);
const KERNEL: Change = Change::Online(To::Kernel);

#[test]
fn movable_comes_from_above_and_a_kernel_zone_from_below() {
    assert_eq!(order(TO_MOVABLE, offline(40..=43), &[]), [43, 42, 41, 40]);
    assert_eq!(order(KERNEL, offline(40..=43), &[]), [40, 41, 42, 43]);
    assert_eq!(order(Change::Online(To::Policy), offline(40..=43), &[]), [40, 41, 42, 43]);
}

#[test]
fn what_goes_offline_goes_in_the_reverse_order() {
    let movable: Vec<Block> = (40..=43).map(|number| block(number, "Movable")).collect();
    let normal: Vec<Block> = (40..=43).map(|number| block(number, "Normal")).collect();
    assert_eq!(order(Change::Offline, movable, &[]), [40, 41, 42, 43]);
    assert_eq!(order(Change::Offline, normal, &[]), [43, 42, 41, 40]);
}

#[test]
fn a_zone_grows_from_where_it_is_and_shrinks_from_its_end() {
    let below = [block(39, "Movable"), block(44, "Normal")];
    assert_eq!(order(TO_MOVABLE, offline(40..=43), &below), [40, 41, 42, 43]);
    let movable = || (40..=43).map(|number| block(number, "Movable")).collect();
    assert_eq!(order(Change::Offline, movable(), &below), [43, 42, 41, 40]);
    let above = [block(44, "Movable")];
    assert_eq!(order(Change::Offline, movable(), &above), [40, 41, 42, 43]);
    let kernel_above = [block(44, "Normal")];
    assert_eq!(order(KERNEL, offline(40..=43), &kernel_above), [43, 42, 41, 40]);
    // A neighbour of another node is in another zone.
    let other_node = Block { nodes: vec![1], ..block(39, "Movable") };
    assert_eq!(order(TO_MOVABLE, offline(40..=43), &[other_node]), [43, 42, 41, 40]);
}

#[test]
fn kernel_zones_come_before_movable_and_go_after_it() {
    let mut mixed = offline(40..=41);
    mixed.extend([block(42, "Movable Normal"), block(43, "Movable Normal"), block(50, "Movable Normal")]);
    assert_eq!(order(Change::Online(To::Policy), mixed, &[]), [40, 41, 50, 43, 42]);
    let online = vec![block(8, "Normal"), block(9, "Movable"), block(10, "Movable"), block(20, "Normal")];
    assert_eq!(order(Change::Offline, online, &[]), [9, 10, 20, 8]);
}

#[test]
fn zones_beside_each_other_shrink_each_from_its_own_end() {
    let zone = |number| if number < 44 { "DMA" } else { "Normal" };
    let online = |numbers: std::ops::Range<u64>| numbers.map(|number| block(number, zone(number))).collect();
    // DMA ends at 43 and Normal begins at 44; 39 and 48 stay.
    let beside = [block(39, "DMA"), block(48, "Normal")];
    assert_eq!(order(Change::Offline, online(40..48), &beside), [44, 45, 46, 47, 43, 42, 41, 40]);
}

#[test]
fn every_block_comes_once() {
    for change in [Change::Offline, TO_MOVABLE, KERNEL, Change::Online(To::Policy)] {
        let blocks: Vec<Block> = (0..200_u64)
            .filter(|number| number % 7 != 3)
            .map(|number| block(number, if number % 5 < 2 { "Movable" } else { "Normal" }))
            .collect();
        let mut numbers = order(change, blocks.clone(), &[]);
        numbers.sort_unstable();
        assert_eq!(numbers, blocks.iter().map(|block| block.number).collect::<Vec<_>>());
    }
}

/// Whether the online blocks of each kind of zone have no hole between them.
fn is_contiguous(blocks: &[Option<bool>]) -> bool {
    [true, false].into_iter().all(|kind| {
        let of_kind: Vec<usize> = (0..blocks.len()).filter(|at| blocks[*at] == Some(kind)).collect();
        of_kind.windows(2).all(|pair| pair[0] + 1 == pair[1])
    })
}

/// Every machine of six blocks, each offline or in a kernel zone or in Movable, and every choice among them.
#[test]
fn where_both_ends_are_contiguous_every_step_is() {
    const BLOCKS: u32 = 6;
    let mut tried = 0;
    for machine in 0..3_usize.pow(BLOCKS) {
        let kind = |number: u32| [None, Some(false), Some(true)][machine / 3_usize.pow(number) % 3];
        let begin: Vec<Option<bool>> = (0..BLOCKS).map(kind).collect();
        let all: Vec<Block> = (0..BLOCKS)
            .map(|number| {
                let zones = [None, Some("Normal"), Some("Movable")][machine / 3_usize.pow(number) % 3];
                block(number.into(), zones.unwrap_or("Normal Movable"))
            })
            .collect();
        for (change, wanted) in [(Change::Offline, None), (TO_MOVABLE, Some(true)), (KERNEL, Some(false))] {
            for choice in 1..1_usize << BLOCKS {
                let chosen: Vec<Block> = (0..all.len())
                    .filter(|at| choice >> at & 1 == 1 && begin[*at].is_some() == (change == Change::Offline))
                    .map(|at| all[at].clone())
                    .collect();
                let beside: Vec<Block> =
                    all.iter().filter(|block| !chosen.contains(block)).cloned().collect();
                let mut now = begin.clone();
                for block in &chosen {
                    now[usize::try_from(block.number).unwrap()] = wanted;
                }
                if !is_contiguous(&begin) || !is_contiguous(&now) {
                    continue;
                }
                now.clone_from(&begin);
                for number in order(change, chosen, &beside) {
                    now[usize::try_from(number).unwrap()] = wanted;
                    assert!(is_contiguous(&now), "{change}: {begin:?}, after {number}: {now:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}
