//! Whole sequences of calls: generated from a seed, repeated, and shortened to what makes the sides differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::compare::{Comparison, Divergence};
use crate::differences::Difference;
use crate::generate::Generator;
use crate::linux::Linux;
use crate::operation::Operation;
use crate::ours::Storage;

/// Statistics of sequences without a divergence.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Sequences.
    pub sequences: u64,
    /// Calls made on both sides.
    pub calls: u64,
    /// Calls not made because they would have led to different tables.
    pub avoided: u64,
    /// The number of regions in all three tables, added up after each call.
    pub regions: u64,
    /// The most regions in one table.
    pub most_regions: usize,
    /// Allocations requested, and made.
    pub allocations: [u64; 2],
    /// Allocations without sufficient mirrored memory.
    pub mirror_fallbacks: u64,
    /// Deliberate differences found.
    pub met: BTreeMap<Difference, u64>,
}

impl Tally {
    /// Adds another one to this.
    pub fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.calls += other.calls;
        self.avoided += other.avoided;
        self.regions += other.regions;
        self.most_regions = self.most_regions.max(other.most_regions);
        self.allocations[0] += other.allocations[0];
        self.allocations[1] += other.allocations[1];
        self.mirror_fallbacks += other.mirror_fallbacks;
        for (difference, count) in &other.met {
            *self.met.entry(*difference).or_default() += count;
        }
    }
}

/// Runs the sequence of a seed.
///
/// # Errors
///
/// The difference, with the shortest sequence found that shows it, ready to print.
pub fn run(seed: u64, storage: &mut Storage, linux: &mut Linux) -> Result<Tally, String> {
    let mut generator = Generator::new(seed);
    let mut comparison = Comparison::new(storage, linux);
    let mut tally = Tally { sequences: 1, ..Tally::default() };
    let mut calls = Vec::new();
    while let Some(operation) = generator.next(comparison.rows()) {
        let result = comparison.step(&operation);
        calls.push(operation);
        match result {
            Ok(true) => tally.calls += 1,
            Ok(false) => tally.avoided += 1,
            Err(divergence) => return Err(report(seed, &calls, &divergence, storage, linux)),
        }
        for rows in comparison.rows() {
            tally.regions += rows.len() as u64;
            tally.most_regions = tally.most_regions.max(rows.len());
        }
    }
    tally.allocations = comparison.allocations;
    tally.mirror_fallbacks = comparison.mirror_fallbacks();
    tally.met = comparison.met;
    Ok(tally)
}

/// How long to spend on shortening a sequence.
const PATIENCE: Duration = Duration::from_mins(1);

fn report(
    seed: u64,
    calls: &[Operation],
    divergence: &Divergence,
    storage: &mut Storage,
    linux: &mut Linux,
) -> String {
    let mut text = format!("seed {seed}, call {}: {divergence}\n", calls.len());
    let (short, divergence) = shorten(calls, storage, linux);
    list(&mut text, "the whole sequence", calls);
    list(&mut text, "as short as it could be made", &short);
    match divergence {
        Some(divergence) => {
            let _ = writeln!(text, "which ends with: {divergence}");
        }
        None => text
            .push_str("The same calls do not differ when they are repeated: something else is involved.\n"),
    }
    text
}

fn list(text: &mut String, title: &str, calls: &[Operation]) {
    let _ = writeln!(text, "{title}, {} calls:", calls.len());
    for call in calls {
        let _ = writeln!(text, "  {call:x?}");
    }
}

/// Makes calls, and returns the first divergence and how many calls it took.
pub fn repeat(
    calls: &[Operation],
    storage: &mut Storage,
    linux: &mut Linux,
) -> Option<(usize, Box<Divergence>)> {
    let mut comparison = Comparison::new(storage, linux);
    calls.iter().enumerate().find_map(|(at, call)| Some((at + 1, comparison.step(call).err()?)))
}

/// Leaves out calls, many at a time, then fewer, as long as the sides still differ and time remains.
fn shorten(
    calls: &[Operation],
    storage: &mut Storage,
    linux: &mut Linux,
) -> (Vec<Operation>, Option<Box<Divergence>>) {
    let mut calls = calls.to_vec();
    let mut last = None;
    let mut step = calls.len();
    let start = Instant::now();
    while step > 0 {
        let mut at = 0;
        while at < calls.len() && start.elapsed() < PATIENCE {
            let mut fewer = calls.clone();
            fewer.drain(at..(at + step).min(calls.len()));
            match repeat(&fewer, storage, linux) {
                Some((length, divergence)) => {
                    fewer.truncate(length);
                    calls = fewer;
                    last = Some(divergence);
                }
                None => at += step,
            }
        }
        step /= 2;
    }
    if last.is_none() {
        last = repeat(&calls, storage, linux).map(|(_, divergence)| divergence);
    }
    (calls, last)
}
