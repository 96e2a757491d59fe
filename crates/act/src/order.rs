//! The order in which blocks are worked on.
//!
//! A zone is one span of page frames for each node. It is *contiguous* while no hole is in it, and the kernel is faster
//! in such a zone, for instance when it compacts memory. When a block goes offline at an end of the zone, the span
//! shrinks; in the middle it stays, with a hole. Whoever works on several blocks may be stopped at any of them, so every
//! step has to leave the zones contiguous:
//!
//! - **Online in a kernel zone: the lowest block first.** Kernel zones lie below Movable, and grow upwards.
//! - **Online in Movable: the highest block first.** What is not yet online then lies between both, and a kernel zone can
//!   still grow into it.
//! - **Offline: the reverse.** From Movable the lowest block first, from a kernel zone the highest.
//! - **Where only one neighbour of the blocks is in the zone**, it decides: blocks that come are added beside it, and
//!   blocks that go are taken from the other end.
//!
//! Source: Documentation/admin-guide/mm/memory-hotplug.rst; mm/memory_hotplug.c:shrink_zone_span, resize_zone_range (6.12).

use crate::block::Block;
use crate::change::{Change, MOVABLE, To, is_movable};

/// Consecutive blocks of one node that are, or will be, in the same zone. Never empty.
struct Run {
    blocks: Vec<Block>,
    zone: String,
}

impl Run {
    fn in_movable(&self) -> bool {
        is_movable(&self.zone)
    }
}

/// Puts blocks, which ascend, into the order of the work. `neighbour` reads a block that is not among them.
pub(crate) fn ordered(
    change: Change,
    blocks: Vec<Block>,
    neighbour: impl Fn(u64) -> Option<Block>,
) -> Vec<Block> {
    // Kernel zones come first and go last: what the kernel allocates for itself needs them.
    let goes = change == Change::Offline;
    let (mut first, mut then): (Vec<Run>, Vec<Run>) =
        runs(change, blocks).into_iter().partition(|run| run.in_movable() == goes);
    let of_movable = if goes { &mut first } else { &mut then };
    if descends(change, true) {
        of_movable.reverse();
    }
    let of_kernel = if goes { &mut then } else { &mut first };
    if descends(change, false) {
        of_kernel.reverse();
    }
    let mut ordered = Vec::new();
    for mut run in first.into_iter().chain(then) {
        if from_above(change, &run, &neighbour) {
            run.blocks.reverse();
        }
        ordered.append(&mut run.blocks);
    }
    ordered
}

fn runs(change: Change, blocks: Vec<Block>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for block in blocks {
        let zone = zone_of(change, &block);
        match runs.last_mut() {
            Some(run) if run.zone == zone && run.blocks.last().is_some_and(|last| follows(last, &block)) => {
                run.blocks.push(block);
            }
            _ => runs.push(Run { zone: zone.to_owned(), blocks: vec![block] }),
        }
    }
    runs
}

fn follows(before: &Block, block: &Block) -> bool {
    before.number.checked_add(1) == Some(block.number) && before.nodes == block.nodes
}

/// The zone that the block is in, or will be; empty if nothing shows it.
fn zone_of(change: Change, block: &Block) -> &str {
    let mut zones = block.zones.iter().map(String::as_str);
    let zone = match change {
        Change::Offline | Change::Online(To::Policy) => zones.next(),
        Change::Online(To::Kernel) => zones.find(|zone| !is_movable(zone)),
        Change::Online(To::Movable) => Some(MOVABLE),
    };
    zone.unwrap_or_default()
}

/// The direction where no neighbour, or both, are in the zone.
fn descends(change: Change, in_movable: bool) -> bool {
    in_movable != (change == Change::Offline)
}

fn from_above(change: Change, run: &Run, neighbour: impl Fn(u64) -> Option<Block>) -> bool {
    let in_zone = |beside: Option<u64>, of: Option<&Block>| {
        let block = beside.and_then(&neighbour);
        block.zip(of).is_some_and(|(block, of)| block.nodes == of.nodes && block.zone() == Some(&run.zone))
    };
    let (first, last) = (run.blocks.first(), run.blocks.last());
    let below = in_zone(first.and_then(|block| block.number.checked_sub(1)), first);
    let above = in_zone(last.and_then(|block| block.number.checked_add(1)), last);
    let is_offline = change == Change::Offline;
    match (below, above) {
        (true, false) => is_offline,
        (false, true) => !is_offline,
        _ => descends(change, run.in_movable()),
    }
}

#[cfg(test)]
mod tests;
