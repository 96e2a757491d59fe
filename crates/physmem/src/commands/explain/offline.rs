//! Whether the blocks of a range can go offline, as `explain` says it.

use std::collections::BTreeSet;
use std::io::Write;

use machine::hotplug::{Immovable, offline_answers};
use machine::life::Life;
use machine::{Machine, MemoryRange};
use memblock::PhysRange;
use serde_json::Value;

use crate::cli::Target;
use crate::commands::hotplug::{blocks_json, run, sentence, zones};
use crate::failure::Failure;
use crate::output::lines;

/// What decides for every block of a machine.
pub(super) struct Offline {
    /// The machine's life; why there is none otherwise.
    life: Result<Life, String>,
    immovable: Immovable,
}

impl Offline {
    pub(super) fn of(machine: &Machine) -> Self {
        let life = Life::of(machine).map_err(|error| error.to_string());
        Self { life, immovable: Immovable::of(machine) }
    }

    /// The blocks of a range; for an address, its block alone.
    fn numbers(&self, memory: &MemoryRange, target: Target) -> Vec<u64> {
        let (Ok(life), Target::Address(address)) = (&self.life, target) else { return memory.blocks.clone() };
        let byte = PhysRange::from_size(address, 1);
        let is_here = |number: &u64| {
            let block = life.block_table().range(*number);
            block.zip(byte.ok()).is_some_and(|(block, byte)| block.encloses(byte))
        };
        memory.blocks.iter().copied().filter(is_here).collect()
    }

    /// Prints a line for each run of blocks that are alike.
    pub(super) fn print(
        &self,
        memory: &MemoryRange,
        target: Target,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        if let (Err(why), false) = (&self.life, memory.blocks.is_empty()) {
            lines::wrapped(out, "  offline     ", NEXT, &format!("unknown, because {why}"))?;
        }
        let Ok(life) = &self.life else { return Ok(()) };
        for answer in offline_answers(life, &self.immovable, self.numbers(memory, target)) {
            let text =
                format!("{} ({}; {}; {})", sentence(&answer), run(&answer), zones(&answer), answer.source);
            lines::wrapped(out, "  offline     ", NEXT, &text)?;
        }
        Ok(())
    }

    /// The same for JSON: all blocks of some ranges; `None` where nothing is known.
    pub(super) fn json(&self, ranges: &[MemoryRange], target: Target) -> Option<Vec<Value>> {
        let life = self.life.as_ref().ok()?;
        // Ranges may share a block.
        let numbers: BTreeSet<u64> = ranges.iter().flat_map(|memory| self.numbers(memory, target)).collect();
        Some(offline_answers(life, &self.immovable, numbers).iter().map(blocks_json).collect())
    }
}

const NEXT: &str = "              ";
