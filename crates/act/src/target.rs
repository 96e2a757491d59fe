//! What names memory blocks.

use std::fmt;

use memblock::PhysRange;

/// One or more memory blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The blocks from the first to the last, both included; those that do not exist are skipped, but one must.
    Blocks(u64, u64),
    /// All blocks with memory of this node.
    Node(u32),
    /// The block that holds this byte.
    Address(u64),
    /// The blocks of a range, which must be whole ones; those that do not exist are skipped, but one must.
    Range(PhysRange),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks(first, last) if first == last => write!(f, "memory{first}"),
            Self::Blocks(first, last) => write!(f, "memory{first}-memory{last}"),
            Self::Node(number) => write!(f, "node{number}"),
            Self::Address(address) => write!(f, "{address:#x}"),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

/// Ascending numbers as people write them: `memory0-memory7, memory32`.
pub fn names(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let words: Vec<String> =
        runs.into_iter().map(|(first, last)| Target::Blocks(first, last).to_string()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_blocks_are_written_as_lsmem_does() {
        assert_eq!(names([0, 1, 2, 5, 7, 8]), "memory0-memory2, memory5, memory7-memory8");
        assert_eq!(names([]), "");
        assert_eq!(names([u64::MAX]), "memory18446744073709551615");
    }
}
