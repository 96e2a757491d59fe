//! `/sys/firmware/memmap`: one directory for each entry, with the files `start`, `end` and `type`.

use evidence::Source;
use evidence::snapshot::FirmwareMapEntry;

use crate::readers::text::value;
use crate::root::files;
use crate::root::source::{and_then, nonsense, quoted};
use crate::root::tree::{Tree, numbered};

/// The firmware map in order of the entry numbers. One unreadable or malformed entry makes the whole map
/// unreadable: a map with a hole would be wrong.
pub(crate) fn read(tree: &dyn Tree) -> Source<Vec<FirmwareMapEntry>> {
    and_then(tree.list(files::FIRMWARE_MEMMAP), |entries| {
        let mut numbers: Vec<u32> = entries.iter().filter_map(|entry| numbered(&entry.name, "")).collect();
        numbers.sort_unstable();
        let mut map = Vec::with_capacity(numbers.len());
        for index in numbers {
            match entry(tree, index) {
                Source::Read(entry) => map.push(entry),
                Source::Missing => {
                    return nonsense(format!(
                        "/{}/{index} lacks one of start, end and type",
                        files::FIRMWARE_MEMMAP
                    ));
                }
                unreadable @ Source::Unreadable { .. } => {
                    return crate::root::source::map(unreadable, |_| map);
                }
            }
        }
        Source::Read(map)
    })
}

fn entry(tree: &dyn Tree, index: u32) -> Source<FirmwareMapEntry> {
    let file = |name: &str| format!("{}/{index}/{name}", files::FIRMWARE_MEMMAP);
    let address = |name: &str| {
        and_then(value(tree, &file(name)), |text| {
            match text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
                Some(address) => Source::Read(address),
                None => nonsense(format!(
                    "/{} holds {}, expected 0x and hexadecimal digits",
                    file(name),
                    quoted(&text)
                )),
            }
        })
    };
    and_then(address("start"), |start| {
        and_then(address("end"), |last| {
            crate::root::source::map(value(tree, &file("type")), |kind| FirmwareMapEntry {
                index,
                start,
                last,
                kind,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    fn with(entries: &[(u32, &str, &str, &str)]) -> Archive {
        let mut archive = Archive::default();
        for (index, start, end, kind) in entries {
            for (name, text) in [("start", start), ("end", end), ("type", kind)] {
                let path = format!("{}/{index}/{name}", files::FIRMWARE_MEMMAP);
                archive.insert(path, Node::File(format!("{text}\n").into()));
            }
        }
        archive
    }

    #[test]
    fn entries_are_sorted_by_number_not_by_name() {
        let archive = with(&[
            (10, "0x3000", "0x3fff", "Reserved"),
            (2, "0x2000", "0x2fff", "System RAM"),
            (0, "0x0", "0xfff", "ACPI Tables"),
        ]);
        let map = read(&archive);
        let indexes: Vec<u32> = map.read().unwrap().iter().map(|entry| entry.index).collect();
        assert_eq!(indexes, [0, 2, 10]);
        assert_eq!(map.read().unwrap()[1].kind, "System RAM");
        assert_eq!((map.read().unwrap()[1].start, map.read().unwrap()[1].last), (0x2000, 0x2fff));
    }

    #[test]
    fn one_bad_entry_makes_the_map_unreadable() {
        let archive = with(&[(0, "0x0", "0xfff", "System RAM"), (1, "4096", "0x1fff", "System RAM")]);
        let Source::Unreadable { why, .. } = read(&archive) else { panic!() };
        assert!(why.contains("memmap/1/start"), "{why}");
    }

    #[test]
    fn an_entry_without_its_type_is_named() {
        let mut archive = with(&[(0, "0x0", "0xfff", "System RAM")]);
        archive.insert("sys/firmware/memmap/1/start".into(), Node::File(b"0x1000\n".to_vec()));
        let Source::Unreadable { why, .. } = read(&archive) else { panic!() };
        assert!(why.contains("memmap/1"), "{why}");
    }

    #[test]
    fn an_empty_map_is_not_a_missing_one() {
        let mut archive = Archive::default();
        assert_eq!(read(&archive), Source::Missing);
        archive.insert(files::FIRMWARE_MEMMAP.into(), Node::Directory);
        assert_eq!(read(&archive), Source::Read(Vec::new()));
    }
}
