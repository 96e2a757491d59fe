//! The naive model the tests compare with: the owner of every page of a small memory.

use core::ops::Range;
use std::vec::Vec;

use proptest::prelude::*;

use crate::{NodeId, PhysRange, Region, RegionFlags, RegionTable};

/// Bytes of a page of the model. Addresses inside a page also occur.
pub(crate) const UNIT: u64 = 0x400;
/// Units in the modelled memory.
pub(crate) const UNITS: usize = 640;

pub(crate) type Attributes = (Option<NodeId>, RegionFlags);

#[derive(Clone, PartialEq)]
pub(crate) struct Model {
    owner: Vec<Option<Attributes>>,
}

pub(crate) fn units(range: PhysRange) -> Range<usize> {
    let unit = |address: u64| usize::try_from(address / UNIT).unwrap();
    unit(range.start())..unit(range.end())
}

pub(crate) fn range(start: usize, end: usize) -> PhysRange {
    PhysRange::new(start as u64 * UNIT, end as u64 * UNIT).unwrap()
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { owner: std::vec![None; UNITS] }
    }

    /// The owners according to a table's regions.
    pub(crate) fn of(table: &RegionTable<'_>) -> Self {
        let mut model = Self::new();
        for region in table {
            model.fill(region);
        }
        model
    }

    /// Like [`Model::change`], for a region whose ends lie inside units: those count in full.
    fn fill(&mut self, region: Region) {
        let end = usize::try_from(region.range.end().div_ceil(UNIT)).unwrap().min(UNITS);
        let start = usize::try_from(region.range.start() / UNIT).unwrap();
        self.owner[start..end].fill(Some((region.node, region.flags)));
    }

    pub(crate) fn change(&mut self, range: PhysRange, to: impl Fn(Option<Attributes>) -> Option<Attributes>) {
        for owner in &mut self.owner[units(range)] {
            *owner = to(*owner);
        }
    }

    pub(crate) fn at(&self, unit: usize) -> Option<Attributes> {
        self.owner[unit]
    }

    /// Runs of equal owners, as regions.
    pub(crate) fn regions(&self) -> Vec<Region> {
        let owner = |unit: usize| self.owner[unit];
        runs(owner)
            .into_iter()
            .filter_map(|(range, owner)| owner.map(|(node, flags)| Region { range, node, flags }))
            .collect()
    }

    pub(crate) fn size(&self) -> u64 {
        self.owner.iter().flatten().count() as u64 * UNIT
    }
}

/// Maximal runs of units of equal value, with their value.
pub(crate) fn runs<T: PartialEq + Copy>(value: impl Fn(usize) -> T) -> Vec<(PhysRange, T)> {
    let mut runs = Vec::new();
    let mut start = 0;
    for unit in 1..=UNITS {
        if unit == UNITS || value(unit) != value(start) {
            runs.push((range(start, unit), value(start)));
            start = unit;
        }
    }
    runs
}

pub(crate) fn any_range() -> impl Strategy<Value = PhysRange> {
    let short = (0..UNITS, 1..6_usize);
    let long = (0..UNITS, 1..UNITS);
    prop_oneof![4 => short, 1 => long].prop_map(|(start, size)| range(start, (start + size).min(UNITS)))
}

pub(crate) fn any_node() -> impl Strategy<Value = Option<NodeId>> {
    prop_oneof![Just(None), Just(NodeId::new(0)), Just(NodeId::new(1))]
}

pub(crate) fn any_flags() -> impl Strategy<Value = RegionFlags> {
    prop_oneof![
        3 => Just(RegionFlags::empty()),
        1 => Just(RegionFlags::HOTPLUG),
        1 => Just(RegionFlags::MIRROR),
        1 => Just(RegionFlags::NOMAP),
        1 => Just(RegionFlags::DRIVER_MANAGED),
        1 => Just(RegionFlags::KHO_SCRATCH),
        1 => Just(RegionFlags::HOTPLUG | RegionFlags::MIRROR),
    ]
}

pub(crate) fn any_region() -> impl Strategy<Value = Region> {
    (any_range(), any_node(), any_flags()).prop_map(|(range, node, flags)| Region { range, node, flags })
}
