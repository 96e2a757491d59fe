//! Checks limits against the model.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::RegionFlags;
use crate::model::{Model, UNIT, UNITS, any_range, any_region};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_cap_keeps_memory_inside_and_nomap_everywhere(
        regions in vec(any_region(), 0..30),
        taken in vec(any_range(), 0..30),
        keep in any_range(),
    ) {
        let (mut memblock, memory, reserved) = machine(&regions, &taken);
        let before = memblock.memory_size();
        let gone = memblock.cap_memory_range(keep).unwrap();
        prop_assert_eq!(before - gone, memblock.memory_size());
        let is_empty = regions.is_empty();
        check(&memblock, &memory, &reserved, |unit| is_empty || keep.contains(unit as u64 * UNIT), true)?;
    }

    #[test]
    fn a_limit_counts_bytes_from_the_lowest_address(
        regions in vec(any_region(), 0..30),
        taken in vec(any_range(), 0..30),
        limit in 0..UNITS,
        keeps_nomap in any::<bool>(),
    ) {
        let (mut memblock, memory, reserved) = machine(&regions, &taken);
        let counted = (0..UNITS).filter(|unit| memory.at(*unit).is_some()).nth(limit.wrapping_sub(1));
        let gone = if keeps_nomap {
            memblock.mem_limit_remove_map(limit as u64 * UNIT)
        } else {
            memblock.enforce_memory_limit(limit as u64 * UNIT)
        };
        prop_assert_eq!(gone.unwrap() + memblock.memory_size(), memory.size());
        check(&memblock, &memory, &reserved, |unit| counted.is_none_or(|last| unit <= last), keeps_nomap)?;
    }
}

fn machine(regions: &[Region], taken: &[PhysRange]) -> (Memblock<'static>, Model, Model) {
    let mut memblock = Memblock::new();
    for table in [TableKind::Memory, TableKind::Reserved] {
        memblock.grow(table, std::vec![Chunk::EMPTY; 60].leak()).unwrap();
    }
    for region in regions {
        memblock.add_node(*region).unwrap();
    }
    for range in taken {
        memblock.reserve(*range).unwrap();
    }
    let (memory, reserved) = (Model::of(memblock.memory()), Model::of(memblock.reserved()));
    (memblock, memory, reserved)
}

fn check(
    memblock: &Memblock<'_>,
    memory: &Model,
    reserved: &Model,
    is_kept: impl Fn(usize) -> bool,
    keeps_nomap: bool,
) -> Result<(), TestCaseError> {
    for unit in 0..UNITS {
        let nomap = memory.at(unit).is_some_and(|(_, flags)| flags.contains(RegionFlags::NOMAP));
        let kept = is_kept(unit);
        let expected = memory.at(unit).is_some() && (kept || (nomap && keeps_nomap));
        prop_assert_eq!(memblock.is_memory(unit as u64 * UNIT), expected, "unit {}", unit);
        let expected = reserved.at(unit).is_some() && kept;
        prop_assert_eq!(memblock.is_reserved(unit as u64 * UNIT), expected, "unit {}", unit);
    }
    prop_assert!(memblock.memory().is_consistent() && memblock.reserved().is_consistent());
    Ok(())
}
