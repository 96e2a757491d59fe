//! Checks allocation against the library's.

use memblock::Request;

use super::*;
use crate::linux_abi::alloc::{ACCESSIBLE, AllocArgs};

fn any_args() -> impl Strategy<Value = AllocArgs> {
    let size = prop_oneof![1..UNIT, (1..40_u64).prop_map(|units| units * UNIT)];
    let align = (0..14_u32).prop_map(|shift| 1_u64 << shift);
    let address = || prop_oneof![2 => Just(0), 3 => 0..UNITS * UNIT, 1 => Just(u64::MAX)];
    (size, align, address(), address(), -1..4_i32, any::<bool>()).prop_map(
        |(size, align, start, end, nid, exact_nid)| AllocArgs { size, align, start, end, nid, exact_nid },
    )
}

fn request(wanted: AllocArgs) -> Request {
    let AllocArgs { size, align, start, end, nid, exact_nid } = wanted;
    Request {
        align,
        min: start,
        max: (end > 1).then_some(end),
        node: nid::wanted(nid),
        exact_node: exact_nid,
        ..Request::new(size)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn physical_addresses_are_those_of_the_library(
        mut world in any_world(),
        asked in prop::collection::vec(any_args(), 1..12),
    ) {
        let mut memblock = world.memblock();
        for wanted in asked {
            let expected = memblock.alloc(&request(wanted)).ok().map(PhysRange::start);
            prop_assert_eq!(world.linux().alloc(wanted), expected, "{:x?} in\n{:?}", wanted, world);
        }
        prop_assert_eq!(regions(&world.public.reserved), memblock.reserved().iter().collect::<Vec<_>>());
    }

    #[test]
    fn pointers_stay_below_the_limit_and_may_lie_below_the_minimum(
        mut world in any_world(),
        wanted in any_args(),
    ) {
        let mut memblock = world.memblock();
        let limit = world.public.current_limit;
        let max = Some(if wanted.end <= 1 { limit } else { wanted.end.min(limit) });
        let request = Request { max, min_is_optional: true, ..request(wanted) };
        let expected = memblock.alloc(&request).ok().map(PhysRange::start);
        prop_assert_eq!(world.linux().alloc_mapped(wanted), expected, "{:x?} in\n{:?}", wanted, world);
    }
}

fn one_megabyte() -> World {
    let mut world = World::new(128);
    world.linux().add(Kind::Memory, nid::region(0x10_0000, 0x10_0000, 0, 0)).unwrap();
    world
}

const PLAIN: AllocArgs =
    AllocArgs { size: 8, align: 0, start: 0, end: ACCESSIBLE, nid: nid::NO_NODE, exact_nid: false };

#[test]
fn zero_bytes_are_allocated_at_the_end_of_memory_and_not_reserved() {
    let mut world = one_megabyte();
    assert_eq!(world.linux().alloc(AllocArgs { size: 0, align: 4096, ..PLAIN }), Some(0x20_0000));
    world.public.bottom_up = 1;
    assert_eq!(world.linux().alloc(AllocArgs { size: 0, align: 4096, ..PLAIN }), Some(0x10_0000));
    assert_eq!(world.public.reserved.count(), 0);
}

#[test]
fn an_alignment_that_is_not_a_power_of_two_rounds_bit_by_bit() {
    let mut world = one_megabyte();
    let odd = AllocArgs { size: 0x1000, align: 0x3000, ..PLAIN };
    // 0x1ff000 without the bits 0x2000 and below 0x1000.
    assert_eq!(world.linux().alloc(odd), Some(0x1f_d000));
    world.public.bottom_up = 1;
    assert_eq!(world.linux().alloc(odd), Some(0x10_0000));
}

#[test]
fn an_alignment_of_0_means_a_cache_line() {
    let mut world = one_megabyte();
    assert_eq!(world.linux().alloc(PLAIN), Some(0x20_0000 - config::SMP_CACHE_BYTES));
}

#[test]
fn memory_that_cannot_be_recorded_is_not_allocated() {
    let mut world = World::new(4);
    world.linux().add(Kind::Memory, nid::region(0x1000, 0x1000, 0, 0)).unwrap();
    for page in 0..4_u64 {
        world.linux().reserve(nid::range(0x10_0000 + page * 0x2000, 0x1000)).unwrap();
    }
    // It may grow, but there is no memory for that.
    world.state.can_resize = true;
    assert_eq!(world.linux().alloc(PLAIN), None);
}
