//! `/sys/firmware/efi/runtime-map`: one directory for each range of memory that EFI's runtime services were mapped in.

use evidence::Source;

use crate::readers::text::value;
use crate::root::files;
use crate::root::source::{and_then, map};
use crate::root::tree::{Tree, numbered};

/// The number of entries. Their types are read too, to tell a map that only root may read from an empty one.
pub(crate) fn entries(tree: &dyn Tree) -> Source<u32> {
    and_then(tree.list(files::EFI_RUNTIME_MAP), |entries| {
        let numbers: Vec<u32> = entries.iter().filter_map(|entry| numbered(&entry.name, "")).collect();
        let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let types = numbers.into_iter().map(|n| value(tree, &format!("{}/{n}/type", files::EFI_RUNTIME_MAP)));
        types.fold(Source::Read(count), |sum, entry| and_then(sum, |count| map(entry, |_| count)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    #[test]
    fn an_unreadable_entry_makes_the_number_of_entries_unknown() {
        let mut archive = Archive::default();
        assert_eq!(entries(&archive), Source::Missing);
        for n in 0..11 {
            let path = format!("{}/{n}/type", files::EFI_RUNTIME_MAP);
            archive.insert(path, Node::File(b"0x4\n".to_vec()));
        }
        assert_eq!(entries(&archive), Source::Read(11));
        archive.insert(format!("{}/11", files::EFI_RUNTIME_MAP), Node::Directory);
        assert_eq!(entries(&archive), Source::Missing);
    }
}
