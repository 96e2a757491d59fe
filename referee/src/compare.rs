//! Both sides, call by call.

use std::collections::BTreeMap;
use std::fmt;

use crate::differences::{self, Before, Difference};
use crate::linux::{Linux, RawRegion};
use crate::operation::{Answer, Operation, Side, TABLES};
use crate::ours::{Ours, Storage};

/// The regions of the three tables, in the order of [`TABLES`].
pub type Rows = [Vec<RawRegion>; 3];

/// Both sides, with the same tables. They continue as long as they agree.
#[derive(Debug)]
pub struct Comparison<'a> {
    ours: Ours<'a>,
    linux: &'a mut Linux,
    rows: Rows,
    linux_rows: Rows,
    /// The excess of Linux's memory total.
    excess: u64,
    /// Calls made.
    calls: u64,
    /// Deliberate differences found, and how often.
    pub met: BTreeMap<Difference, u64>,
    /// Allocations requested, and those that both sides made.
    pub allocations: [u64; 2],
}

/// An unintended difference between the two sides.
#[derive(Debug)]
pub struct Divergence {
    /// What differs.
    what: String,
    rows: Rows,
    linux_rows: Rows,
}

/// Check our tables' invariants once in this many calls, because that costs more than a comparison.
const CHECKED_EVERY: u64 = 32;

impl<'a> Comparison<'a> {
    /// Both sides with empty tables.
    pub fn new(storage: &'a mut Storage, linux: &'a mut Linux) -> Self {
        linux.reset();
        Self {
            ours: Ours::new(storage),
            linux,
            rows: Rows::default(),
            linux_rows: Rows::default(),
            excess: 0,
            calls: 0,
            met: BTreeMap::new(),
            allocations: [0; 2],
        }
    }

    /// How often Linux had to fall back to memory that is not mirrored.
    pub fn mirror_fallbacks(&mut self) -> u64 {
        self.linux.mirror_fallbacks()
    }

    /// The tables of both sides.
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    fn meet(&mut self, difference: Difference) {
        *self.met.entry(difference).or_default() += 1;
    }

    /// Makes a call on both sides, and compares answers and tables. Returns whether the call was made.
    ///
    /// # Errors
    ///
    /// [`Divergence`] if they differ in a way that is not deliberate.
    pub fn step(&mut self, operation: &Operation) -> Result<bool, Box<Divergence>> {
        let before = Before { memory: &self.linux_rows[0], excess: self.excess };
        if let Some(difference) = differences::parts_ways(operation, &before) {
            self.meet(difference);
            return Ok(false);
        }
        self.calls += 1;
        let table = changed_table(operation);
        let size_before = size(&self.rows[table]);
        let ours = self.ours.apply(operation);
        let linux = self.linux.apply(operation);
        let before = Before { memory: &self.linux_rows[0], excess: self.excess };
        let explanation = match (&ours, &linux) {
            // Linux does not return how much its tables changed; they are compared below. And the reasons for
            // failure are worded differently.
            (Answer::Changed(_), Answer::Done) | (Answer::Failed(_), Answer::Failed(_)) => None,
            _ if ours == linux => None,
            _ => match differences::explains(operation, &before, &ours, &linux) {
                Some(difference) => Some(difference),
                None => return self.diverge(format!("answers: ours {ours:x?}, Linux's {linux:x?}")),
            },
        };
        self.compare_tables(operation)?;
        if let Operation::Alloc(_) = operation {
            self.allocations[0] += 1;
            self.allocations[1] += u64::from(matches!(ours, Answer::Address(Some(_))));
        }
        if let Answer::Changed(bytes) = ours {
            let size = size(&self.rows[table]);
            if size.abs_diff(size_before) != bytes {
                return self.diverge(format!(
                    "ours reports {bytes:#x} bytes, but {size_before:#x} became {size:#x}"
                ));
            }
        }
        if let Some(difference) = explanation {
            self.meet(difference);
        }
        if self.calls.is_multiple_of(CHECKED_EVERY) && !self.ours.is_consistent() {
            return self.diverge(String::from("an invariant of ours does not hold"));
        }
        Ok(true)
    }

    fn compare_tables(&mut self, operation: &Operation) -> Result<(), Box<Divergence>> {
        for (at, table) in TABLES.into_iter().enumerate() {
            let was_empty = self.linux_rows[at].is_empty();
            let total = self.ours.table(table, &mut self.rows[at]);
            let linux_total = self.linux.table(table, &mut self.linux_rows[at]);
            if at == MEMORY && self.rows[at] != self.linux_rows[at] && differences::leaves_unmerged(operation)
            {
                self.linux.merge_memory();
                self.linux.table(table, &mut self.linux_rows[at]);
                self.meet(Difference::CapUnmerged);
            }
            if self.rows[at] != self.linux_rows[at] {
                return self.diverge(format!("the {table} tables"));
            }
            let size = size(&self.rows[at]);
            if total != size {
                return self.diverge(format!("our total of {table}: {total:#x} for regions of {size:#x}"));
            }
            let excess = linux_total.wrapping_sub(size);
            let allowed = match operation {
                _ if at != MEMORY => excess == 0,
                Operation::TrimMemory { .. } => true,
                // The first region of an empty table corrects it.
                _ => excess == self.excess || (was_empty && excess == 0),
            };
            if !allowed {
                return self
                    .diverge(format!("Linux's total of {table}: {linux_total:#x} for regions of {size:#x}"));
            }
            if at == MEMORY {
                if excess > self.excess {
                    self.meet(Difference::TrimTotal);
                }
                self.excess = excess;
            }
        }
        Ok(())
    }

    fn diverge<T>(&mut self, what: String) -> Result<T, Box<Divergence>> {
        for (at, table) in TABLES.into_iter().enumerate() {
            self.ours.table(table, &mut self.rows[at]);
            self.linux.table(table, &mut self.linux_rows[at]);
        }
        Err(Box::new(Divergence { what, rows: self.rows.clone(), linux_rows: self.linux_rows.clone() }))
    }
}

/// The index of memory in [`TABLES`].
const MEMORY: usize = 0;

/// The index in [`TABLES`] of the table that a change reports bytes for.
const fn changed_table(operation: &Operation) -> usize {
    match operation {
        Operation::Reserve(_) | Operation::ReserveRegion { .. } | Operation::Free(_) => 1,
        Operation::PhysmemAdd(_) => 2,
        _ => MEMORY,
    }
}

fn size(rows: &[RawRegion]) -> u64 {
    rows.iter().map(|row| row.size).sum()
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        for (at, table) in TABLES.into_iter().enumerate() {
            let (ours, linux) = (&self.rows[at], &self.linux_rows[at]);
            if ours == linux {
                writeln!(f, "{table}, both:")?;
                write_rows(f, ours)?;
            } else {
                writeln!(f, "{table}, ours:")?;
                write_rows(f, ours)?;
                writeln!(f, "{table}, Linux's:")?;
                write_rows(f, linux)?;
            }
        }
        Ok(())
    }
}

fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[RawRegion]) -> fmt::Result {
    for RawRegion { base, size, flags, nid } in rows {
        writeln!(f, "  {base:#018x} + {size:#x}, node {nid}, flags {flags:#x}")?;
    }
    Ok(())
}
