//! What a virtio-mem device has plugged, and in which order it plugs and unplugs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use memblock::PhysRange;

use crate::boot::zones::ZoneKind;
use crate::life::parts::blocks::Online;
use crate::life::parts::zones::{insert, remove};

/// The memory that a virtio-mem device has plugged, in units: a memory block, or several if a device block is larger.
///
/// # Invariants
///
/// All blocks of a unit are there or none. No block has 0 bytes, and only units of one block are partly plugged. The sum
/// and the orders agree with the blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugged {
    /// Bytes of a memory block.
    size: u64,
    /// How many blocks a unit has.
    together: u64,
    blocks: BTreeMap<u64, Part>,
    bytes: u64,
    /// Blocks that are partly plugged.
    partial: BTreeSet<u64>,
    /// Units, in the order in which they give memory back: the last of those that are alike first.
    turns: BTreeSet<(Turn, Reverse<u64>)>,
    /// The units, start to end.
    runs: BTreeMap<u64, u64>,
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    bytes: u64,
    online: Online,
}

/// The order in which blocks give memory back: offline first, then movable, then kernel zones; those that are partly
/// plugged before others (drivers/virtio/virtio_mem.c:virtio_mem_sbm_unplug_request, virtio_mem_bbm_unplug_request,
/// 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::life) enum Turn {
    OfflinePartial,
    Offline,
    MovablePartial,
    KernelPartial,
    Movable,
    Kernel,
}

impl Plugged {
    /// Nothing, of a device whose device block has so many bytes.
    pub(in crate::life) fn new(block_size: u64, device_block: u64) -> Self {
        let size = block_size.max(1);
        Self {
            size,
            together: (device_block / size).max(1),
            blocks: BTreeMap::new(),
            bytes: 0,
            partial: BTreeSet::new(),
            turns: BTreeSet::new(),
            runs: BTreeMap::new(),
        }
    }

    /// All bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing is plugged.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How many blocks have memory plugged.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The numbers of the blocks with memory plugged, ascending, and how many bytes of each.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.blocks.iter().map(|(&number, part)| (number, part.bytes))
    }

    /// How many blocks a unit has.
    pub(in crate::life) const fn together(&self) -> u64 {
        self.together
    }

    /// The first block from `number` on that is partly plugged. O(log n).
    pub(in crate::life) fn partial_from(&self, number: u64) -> Option<(u64, u64)> {
        let number = *self.partial.range(number..).next()?;
        Some((number, self.blocks.get(&number)?.bytes))
    }

    /// The first unit from `unit` on of which nothing is plugged. O(log n).
    pub(in crate::life) fn free_from(&self, unit: u64) -> u64 {
        let before = self.runs.range(..=unit).next_back();
        before.map_or(unit, |(_, end)| unit.max(*end))
    }

    /// The unit whose turn to give memory back comes after another's. O(log n).
    pub(in crate::life) fn turn_after(&self, turn: Option<(Turn, u64)>) -> Option<(Turn, u64)> {
        let from = turn.map_or(Bound::Unbounded, |(turn, unit)| Bound::Excluded((turn, Reverse(unit))));
        self.turns.range((from, Bound::Unbounded)).next().map(|&(turn, Reverse(unit))| (turn, unit))
    }

    /// The blocks of a unit.
    pub(in crate::life) const fn of_unit(&self, unit: u64) -> std::ops::Range<u64> {
        let first = unit.saturating_mul(self.together);
        first..first.saturating_add(self.together)
    }

    /// The bytes plugged in a unit.
    pub(in crate::life) fn unit_bytes(&self, unit: u64) -> u64 {
        let parts = self.blocks.range(self.of_unit(unit));
        parts.fold(0, |sum, (_, part)| sum.saturating_add(part.bytes))
    }

    /// Sets how many bytes of each block of a unit are plugged; 0 takes the unit away. O(blocks of the unit x log n).
    pub(in crate::life) fn set(&mut self, unit: u64, bytes: u64) {
        self.turn(unit, false);
        for number in self.of_unit(unit) {
            let old = if bytes == 0 {
                self.blocks.remove(&number)
            } else {
                let online = self.blocks.get(&number).map_or(Online::No, |part| part.online);
                self.blocks.insert(number, Part { bytes, online })
            };
            self.bytes = self.bytes.saturating_sub(old.map_or(0, |part| part.bytes)).saturating_add(bytes);
            if bytes > 0 && bytes < self.size {
                self.partial.insert(number);
            } else {
                self.partial.remove(&number);
            }
        }
        let Ok(run) = PhysRange::new(unit, unit.saturating_add(1)) else { return };
        if bytes == 0 {
            remove(&mut self.runs, run);
        } else {
            insert(&mut self.runs, run);
            self.turn(unit, true);
        }
    }

    /// A block went online or offline. O(blocks of a unit x log n).
    pub(in crate::life) fn changed(&mut self, number: u64, online: Online) {
        let unit = number / self.together;
        self.turn(unit, false);
        if let Some(part) = self.blocks.get_mut(&number) {
            part.online = online;
        }
        self.turn(unit, true);
    }

    /// Puts a unit into the order, or takes it out.
    fn turn(&mut self, unit: u64, is_in: bool) {
        let parts = self.blocks.range(self.of_unit(unit)).map(|(_, part)| {
            let is_part = part.bytes < self.size;
            match (part.online, is_part) {
                (Online::No, true) => Turn::OfflinePartial,
                (Online::No, false) => Turn::Offline,
                (Online::In(ZoneKind::Movable), true) => Turn::MovablePartial,
                (Online::In(ZoneKind::Movable), false) => Turn::Movable,
                (_, true) => Turn::KernelPartial,
                (_, false) => Turn::Kernel,
            }
        });
        let Some(turn) = parts.max() else { return };
        if is_in {
            self.turns.insert((turn, Reverse(unit)));
        } else {
            self.turns.remove(&(turn, Reverse(unit)));
        }
    }
}
