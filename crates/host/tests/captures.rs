//! Every capture is read, says what its files say, and survives being captured again.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use common::Scratch;
use evidence::Source;
use evidence::snapshot::BlockState;
use flate2::read::GzDecoder;
use host::Snapshot;
use host::capture::{self, Existing};

/// All archives below `captures/`.
fn archives() -> Vec<PathBuf> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.to_string_lossy().ends_with(".tar.gz") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&captures(), &mut found);
    found.sort();
    found
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures")
}

fn snapshot(name: &str) -> Snapshot {
    host::read(&captures().join(name)).unwrap()
}

/// One file of an archive, unpacked by other means than the library's.
fn member(archive: &Path, name: &str) -> Option<Vec<u8>> {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(archive).unwrap()));
    tar.entries().unwrap().map(Result::unwrap).find_map(|mut entry| {
        let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
        (path == name).then(|| {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            bytes
        })
    })
}

fn but_for_origin(snapshot: Snapshot) -> Snapshot {
    Snapshot { origin: String::new(), ..snapshot }
}

#[test]
fn every_capture_is_read_and_shows_its_iomem_byte_for_byte() {
    let archives = archives();
    assert!(archives.len() >= 180, "only {} captures", archives.len());
    for archive in archives {
        let snapshot = host::read(&archive).unwrap_or_else(|error| panic!("{error}"));
        let iomem = String::from_utf8(member(&archive, "proc/iomem").unwrap()).unwrap();
        assert_eq!(snapshot.iomem, Source::Read(iomem), "{}", archive.display());
        // Of a life, the first and the last step hold the log: the one in between is part of the last.
        let is_of_a_life =
            archive.components().any(|part| part.as_os_str().to_string_lossy().starts_with("life-"));
        assert!(is_of_a_life || snapshot.kernel_log.read().is_some(), "{}", archive.display());
        let is_arm64 = archive.components().any(|part| part.as_os_str() == "arm64");
        let expected = if is_arm64 { "aarch64" } else { "x86_64" };
        if let Some(architecture) = snapshot.architecture.read() {
            assert_eq!(architecture, expected, "{}", archive.display());
        }
    }
}

#[test]
fn every_capture_survives_being_captured_and_read_again() {
    let scratch = Scratch::new("again");
    for (number, archive) in archives().iter().enumerate() {
        let first = but_for_origin(host::read(archive).unwrap());
        // Each ending has its turn.
        let again = scratch.path().join(format!("{number}{}", [".tar", ".tgz", ".json"][number % 3]));
        let report = capture::write(archive, &again, Existing::Keep).unwrap();
        assert_eq!(but_for_origin(report.snapshot), first, "{}", archive.display());
        assert_eq!(but_for_origin(host::read(&again).unwrap()), first, "{}", archive.display());
    }
}

#[test]
fn an_unpacked_capture_reads_and_captures_like_its_archive() {
    let scratch = Scratch::new("unpacked");
    // A few of each family; all of them would only take longer.
    for (number, archive) in archives().iter().enumerate().step_by(6) {
        let first = but_for_origin(host::read(archive).unwrap());
        let tree = scratch.path().join(format!("tree{number}"));
        std::fs::create_dir(&tree).unwrap();
        tar::Archive::new(GzDecoder::new(File::open(archive).unwrap())).unpack(&tree).unwrap();
        assert_eq!(but_for_origin(host::read(&tree).unwrap()), first, "{} unpacked", archive.display());
        let again = scratch.path().join(format!("{number}.tar.gz"));
        capture::write(&tree, &again, Existing::Keep).unwrap();
        assert_eq!(but_for_origin(host::read(&again).unwrap()), first, "{}", archive.display());
        std::fs::remove_dir_all(&tree).unwrap();
    }
}

#[test]
fn a_capture_with_hotpluggable_nodes_shows_its_blocks_nodes_and_tables() {
    let snapshot = snapshot("x86/n3-srathot-movable_node.tar.gz");
    let blocks = snapshot.memory_blocks.read().unwrap();
    assert_eq!(blocks.block_size, 128 << 20);
    assert_eq!(blocks.blocks.len(), 40);
    assert!(blocks.blocks.iter().all(|block| block.state == BlockState::Online));
    assert_eq!(blocks.blocks.iter().filter(|block| block.valid_zones == ["Movable"]).count(), 16);
    assert_eq!(blocks.blocks.iter().filter(|block| block.nodes == [1]).count(), 8);
    let nodes = snapshot.nodes.read().unwrap();
    assert_eq!(nodes.nodes.len(), 3);
    assert_eq!(nodes.nodes[0].distance.read().map(Vec::len), Some(3));
    assert_eq!(nodes.lists.get("has_memory"), Some(&Source::Read("0-2".into())));
    assert_eq!(snapshot.acpi_tables.keys().collect::<Vec<_>>(), ["SRAT"]);
    assert_eq!(snapshot.acpi_tables["SRAT"].read().map(|table| table.0.len()), Some(296));
    assert_eq!(snapshot.firmware_memmap.read().map(Vec::len), Some(8));
    assert_eq!(snapshot.boot_params.read().map(|bytes| bytes.0.len()), Some(4096));
    assert_eq!(snapshot.kexec.get("kexec_loaded"), Some(&Source::Read("0".into())));
    assert_eq!(snapshot.device_tree, Source::Missing);
}

#[test]
fn a_hot_added_dimm_is_named_by_its_first_block() {
    let snapshot = snapshot("x86/dimm-default.tar.gz");
    let blocks = &snapshot.memory_blocks.read().unwrap().blocks;
    let named: Vec<_> = blocks.iter().filter_map(|b| Some((b.number, b.firmware_node.as_deref()?))).collect();
    assert_eq!(named, [(32, "PNP0C80:00"), (40, "PNP0C80:01")]);
}

#[test]
fn an_arm64_capture_shows_memblock_and_the_device_tree() {
    let snapshot = snapshot("arm64/dt-2node.tar.gz");
    assert_eq!(snapshot.architecture, Source::Read("aarch64".into()));
    assert!(snapshot.device_tree.read().unwrap().0.starts_with(&[0xd0, 0x0d, 0xfe, 0xed]));
    assert!(snapshot.memblock.memory.read().unwrap().contains("0x0000000040000000"));
    assert_eq!(snapshot.memblock.physmem, Source::Missing);
    assert_eq!(snapshot.boot_params, Source::Missing);
    assert!(snapshot.acpi_tables.is_empty());
}
