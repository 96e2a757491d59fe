//! Counting what came out right.

use std::fmt::{Debug, Display};

/// How many facts there were of a kind, how many came out right, and what was wrong with the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) right: usize,
    pub(crate) total: usize,
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// One fact.
    pub(crate) fn count(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        self.total += 1;
        if is_right {
            self.right += 1;
        } else {
            self.wrong.push(what());
        }
    }

    /// Every row that Linux or we have, or both; right is what both have.
    pub(crate) fn compare<T: PartialEq + Debug>(
        &mut self,
        what: impl Display,
        ours: impl IntoIterator<Item = T>,
        linux: &[T],
    ) {
        let mut missing: Vec<&T> = linux.iter().collect();
        for row in ours {
            let found = missing.iter().position(|linux| **linux == row);
            self.count(found.is_some(), || format!("{what}: {row:?} is ours alone"));
            found.map(|at| missing.remove(at));
        }
        for row in missing {
            self.count(false, || format!("{what}: {row:?} is Linux's alone"));
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.total += other.total;
        self.wrong.extend(other.wrong.iter().cloned());
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&if self.total == 0 { "-".to_owned() } else { format!("{}/{}", self.right, self.total) })
    }
}
