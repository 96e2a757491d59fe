//! Memory hotplug and kexec settings, ACPI tables, and memblock's tables.

use std::collections::BTreeMap;

use evidence::Source;
use evidence::snapshot::{Bytes, HandoverFiles, MemblockFiles};

use crate::readers::text::{value, whole};
use crate::root::files;
use crate::root::source::{map, or_else};
use crate::root::tree::Tree;

/// The SRAT of the largest machines is a few hundred KiB.
const LARGEST_TABLE: usize = 16 << 20;

/// A binary file from firmware.
pub(crate) fn bytes(tree: &dyn Tree, path: &str) -> Source<Bytes> {
    map(tree.read(path, LARGEST_TABLE), Bytes)
}

/// The ACPI tables about memory, by file name. A table that the machine does not have is not in the map; if the
/// directory cannot be read, all of [`files::ACPI_SIGNATURES`] are there and say why.
pub(crate) fn acpi_tables(tree: &dyn Tree) -> BTreeMap<String, Source<Bytes>> {
    match tree.list(files::ACPI_TABLES) {
        Source::Read(entries) => entries
            .into_iter()
            .filter(|entry| files::is_memory_table(&entry.name))
            .map(|entry| {
                let table = bytes(tree, &format!("{}/{}", files::ACPI_TABLES, entry.name));
                (entry.name, table)
            })
            .collect(),
        Source::Missing => BTreeMap::new(),
        Source::Unreadable { why, for_lack_of_privilege } => files::ACPI_SIGNATURES
            .iter()
            .map(|name| ((*name).to_owned(), Source::Unreadable { why: why.clone(), for_lack_of_privilege }))
            .collect(),
    }
}

/// The parameters of memory hotplug, by name.
pub(crate) fn memory_hotplug(tree: &dyn Tree) -> BTreeMap<String, Source<String>> {
    let Source::Read(entries) = tree.list(files::MEMORY_HOTPLUG) else { return BTreeMap::new() };
    entries
        .into_iter()
        .map(|entry| {
            let parameter = value(tree, &format!("{}/{}", files::MEMORY_HOTPLUG, entry.name));
            (entry.name, parameter)
        })
        .collect()
}

/// The kernel's kexec settings, by their names in [`files::KEXEC`].
pub(crate) fn kexec(tree: &dyn Tree) -> BTreeMap<String, Source<String>> {
    files::KEXEC
        .iter()
        .map(|(name, paths)| {
            let found =
                paths.iter().fold(Source::Missing, |found, path| or_else(found, || value(tree, path)));
            ((*name).to_owned(), found)
        })
        .filter(|(_, found)| *found != Source::Missing)
        .collect()
}

/// What physmem wrote down about its last loads, by their names in [`files::RECORDS`].
pub(crate) fn records(tree: &dyn Tree) -> BTreeMap<String, Source<String>> {
    let read = files::RECORDS.iter().map(|(name, path)| ((*name).to_owned(), whole(tree, path)));
    read.filter(|(_, found)| *found != Source::Missing).collect()
}

/// memblock's tables, if the kernel keeps them after boot.
pub(crate) fn memblock(tree: &dyn Tree) -> MemblockFiles {
    let table = |name: &str| whole(tree, &format!("{}/{name}", files::MEMBLOCK));
    MemblockFiles { memory: table("memory"), reserved: table("reserved"), physmem: table("physmem") }
}

/// The scratch areas of kexec handover, if the kernel supports it and it is on.
pub(crate) fn handover(tree: &dyn Tree) -> HandoverFiles {
    let file = |name: &str| whole(tree, &format!("{}/{name}", files::HANDOVER));
    // Since 7.4 under another name.
    let either = |name, new| or_else(file(name), || file(new));
    HandoverFiles {
        scratch_phys: either("scratch_phys", "bootmem_phys"),
        scratch_len: either("scratch_len", "bootmem_len"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    fn tree(files: &[(&str, &str)]) -> Archive {
        let mut archive = Archive::default();
        for (path, text) in files {
            archive.insert((*path).to_owned(), Node::File((*text).into()));
        }
        archive
    }

    #[test]
    fn kexec_values_have_one_name_whatever_the_release_calls_them() {
        let old = tree(&[("sys/kernel/kexec_loaded", "1\n")]);
        let new = tree(&[("sys/kernel/kexec/loaded", "1\n")]);
        assert_eq!(kexec(&old), kexec(&new));
        assert_eq!(kexec(&old).get("kexec_loaded"), Some(&Source::Read("1".into())));
    }

    #[test]
    fn limits_on_loads_are_read_and_kept_in_captures() {
        for name in ["kexec_load_disabled", "kexec_load_limit_panic", "kexec_load_limit_reboot"] {
            let path = format!("proc/sys/kernel/{name}");
            assert_eq!(kexec(&tree(&[(&path, "0\n")])).get(name), Some(&Source::Read("0".into())));
            assert!(files::is_wanted(&path), "{path}");
        }
    }

    #[test]
    fn only_tables_about_memory_are_read() {
        let tables = acpi_tables(&tree(&[
            ("sys/firmware/acpi/tables/DSDT", "x"),
            ("sys/firmware/acpi/tables/SRAT", "one"),
            ("sys/firmware/acpi/tables/SRAT2", "two"),
        ]));
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["SRAT", "SRAT2"]);
    }

    #[test]
    fn a_directory_of_tables_that_cannot_be_read_is_not_a_machine_without_tables() {
        let mut archive = Archive::default();
        archive.insert(files::ACPI_TABLES.into(), Node::Refused("is broken".into()));
        let tables = acpi_tables(&archive);
        assert_eq!(tables.len(), files::ACPI_SIGNATURES.len());
        assert!(tables.values().all(|table| matches!(table, Source::Unreadable { .. })), "{tables:?}");
    }
}
