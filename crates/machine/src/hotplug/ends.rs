//! What whole memory blocks cost at the ends of a range.

use evidence::ResourceTree;
use memblock::PhysRange;

/// A range that memory blocks have to fit into, and the bytes that they leave out at its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Its name, as in /proc/iomem.
    pub name: String,
    /// The range.
    pub range: PhysRange,
    /// The bytes in front of the first whole block.
    pub head: u64,
    /// The bytes behind the last whole block.
    pub tail: u64,
}

impl Ends {
    /// The ends of a range; without a whole block inside, all of it is lost at its head.
    pub(crate) fn of(name: &str, range: PhysRange, block: u64) -> Self {
        let (head, tail) = match range.shrink_to_multiples(block.max(1)) {
            Some(whole) => {
                (whole.start().saturating_sub(range.start()), range.end().saturating_sub(whole.end()))
            }
            None => (range.size(), 0),
        };
        Self { name: name.to_owned(), range, head, tail }
    }

    /// All that is lost, in bytes.
    pub const fn lost(&self) -> u64 {
        self.head.saturating_add(self.tail)
    }
}

/// What a machine's CXL windows and regions, soft-reserved memory, persistent memory and dax devices would lose at their
/// ends as System RAM. Ascending; those that lose nothing are among them.
pub fn windows(tree: &ResourceTree, block: u64) -> Vec<Ends> {
    let named = |name: &str| {
        let numbered = |prefix: &str| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        };
        name.starts_with("CXL Window ")
            || ["Soft Reserved", "Persistent Memory"].contains(&name)
            || numbered("region")
            || numbered("dax")
    };
    tree.resources()
        .iter()
        .filter(|resource| named(&resource.name))
        .filter_map(|resource| Some(Ends::of(&resource.name, resource.range().ok()?, block)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_loses_what_is_no_whole_block_at_each_end() {
        let text = "c0000000-cfffffff : PCI Bus 0000:00\n104000000-20bffffff : CXL Window 0\n  110000000-1ffffffff : region0\n\
                    210000000-213ffffff : Persistent Memory\n";
        let found = windows(&ResourceTree::parse(text).unwrap(), 128 << 20);
        let lost: Vec<_> =
            found.iter().map(|ends| (ends.name.as_str(), ends.head >> 20, ends.tail >> 20)).collect();
        assert_eq!(lost, [("CXL Window 0", 64, 64), ("region0", 0, 0), ("Persistent Memory", 64, 0)]);
        assert_eq!(found[0].lost(), 128 << 20);
    }
}
