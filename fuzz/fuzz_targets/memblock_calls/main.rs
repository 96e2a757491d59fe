//! All calls of a memblock, in any order. After each, the tables equal those of a simple model, an error has
//! changed nothing, and every query has the same answer as a search of all regions.
//!
//! `calls` has the possible calls, `make` makes them and computes the expected effect, `machine` compares,
//! `invariants` are checked after every call, and `model` is the simple model.
#![no_main]

mod calls;
mod grants;
mod hand_over;
mod invariants;
mod machine;
mod make;
mod model;
mod named;
mod questions;
mod ram;

use std::sync::LazyLock;

use calls::{Call, Input, Place};
use libfuzzer_sys::fuzz_target;
use machine::{Machine, Settings};
use memblock::{Chunk, Memblock, PhysRange};
use model::Tables;
use ram::{Ram, Store};

/// Calls in one run.
const CALLS: u64 = 192;
/// Chunks that can be handed over in one run.
const CHUNKS: usize = 24;

static RAM: LazyLock<Ram> = LazyLock::new(Ram::new);

fuzz_target!(|input: Input| {
    let mut chunks = vec![Chunk::EMPTY; CHUNKS];
    // This fulfills the contract of `DirectMap`:
    // 1. RAM lives forever, and maps only ranges in its buffer.
    // 2. Nothing else uses the buffer while the memblock does: runs are sequential, and the buffer is checked
    //    after the memblock of the run is gone.
    // 3. Different ranges have different offsets.
    let map = |range: PhysRange| RAM.map(range);
    let mut machine = Machine {
        memblock: Memblock::with_page_size(input.page_size.page_size()),
        store: Store(&mut chunks),
        map: &map,
        call: Call::AllowGrowth,
        before: Tables::default(),
        settings: Settings::default(),
        calls_left: CALLS,
        is_inside_comb: false,
        named: Vec::new(),
    };
    if input.has_memory {
        machine.make(Call::Add(Place { page: 1, size: 30, form: 2 }));
    }
    if input.may_grow {
        machine.make(Call::AllowGrowth);
    }
    for call in input.calls {
        machine.make(call);
    }
    let own: Vec<PhysRange> = machine.memblock.own_memory().collect();
    drop(machine);
    RAM.check_and_clean(&own);
});
