//! Directories as roots: what is missing, forbidden or a trap.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::Scratch;
use evidence::Source;
use evidence::snapshot::BlockState;
use host::capture::{self, Existing};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn no_link_leads_out_of_a_root_directory() {
    let scratch = Scratch::new("links-out");
    let (root, outside) = (scratch.path().join("root"), scratch.path().join("outside"));
    write(&outside, "iomem", "another machine's\n");
    write(&outside, "memory0/state", "online\n");
    write(&outside, "memory0/valid_zones", "Normal\n");
    symlink("../nowhere/PNP0C80:00", outside.join("memory0/firmware_node")).unwrap();
    write(&root, "proc/cmdline", "quiet\n");
    symlink(outside.join("iomem"), root.join("proc/iomem")).unwrap();
    symlink("../../outside/iomem", root.join("proc/version")).unwrap();
    write(&root, "sys/devices/system/memory/block_size_bytes", "8000000\n");
    symlink(outside.join("memory0"), root.join("sys/devices/system/memory/memory0")).unwrap();
    symlink(&outside, root.join("sys/firmware")).unwrap();
    let snapshot = host::read(&root).unwrap();
    for source in [&snapshot.iomem, &snapshot.version] {
        assert!(
            matches!(source, Source::Unreadable { why, .. } if why.contains("symbolic link")),
            "{source:?}"
        );
    }
    let blocks = &snapshot.memory_blocks.read().unwrap().blocks;
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].state, blocks[0].firmware_node.as_ref()), (BlockState::Unknown, None));
    assert!(blocks[0].valid_zones.is_empty());
    assert!(matches!(snapshot.firmware_memmap, Source::Unreadable { .. }), "{:?}", snapshot.firmware_memmap);
}

#[test]
fn a_capture_remembers_what_could_not_be_read_and_why() {
    let scratch = Scratch::new("refused");
    let root = scratch.path().join("root");
    write(&root, "proc/cmdline", "quiet\n");
    symlink("/proc/iomem", root.join("proc/iomem")).unwrap();
    write(&root, "sys/devices/system/memory/block_size_bytes", "8000000\n");
    write(&root, "sys/devices/system/memory/memory3/state", "online\n");
    fs::create_dir_all(root.join("sys/devices/system/memory/memory4")).unwrap();
    symlink("/sys/devices/system/memory/memory0", root.join("sys/devices/system/memory/memory5")).unwrap();
    fs::create_dir_all(root.join("sys/firmware/memmap")).unwrap();
    let first = host::read(&root).unwrap();
    let out = scratch.path().join("out.tar.gz");
    let report = capture::write(&root, &out, Existing::Keep).unwrap();
    assert!(report.unreadable.iter().any(|file| file.path == "/proc/iomem"), "{:?}", report.unreadable);
    let mut again = host::read(&out).unwrap();
    again.origin.clone_from(&first.origin);
    assert_eq!(again, first);
    assert_eq!(again.firmware_memmap, Source::Read(Vec::new()));
    assert_eq!(again.memory_blocks.read().unwrap().blocks.len(), 3);
    // And once more, from a capture that knows of it only by its manifest.
    let third = scratch.path().join("third.tar");
    capture::write(&out, &third, Existing::Keep).unwrap();
    let mut third = host::read(&third).unwrap();
    third.origin.clone_from(&first.origin);
    assert_eq!(third, first);
}

#[test]
fn a_pipe_in_a_tree_is_no_reason_to_wait() {
    let scratch = Scratch::new("pipe");
    write(scratch.path(), "proc/cmdline", "quiet\n");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        scratch.path().join("proc/iomem"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    );
    made.unwrap();
    let snapshot = host::read(scratch.path()).unwrap();
    assert!(matches!(&snapshot.iomem, Source::Unreadable { why, .. } if why.contains("not a regular file")));
}

#[test]
fn a_pipe_instead_of_a_capture_is_refused_at_once() {
    let scratch = Scratch::new("pipe-given");
    let pipe = scratch.path().join("pipe");
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    let error = host::read(&pipe).unwrap_err().to_string();
    assert!(error.contains("neither a directory nor a regular file"), "{error}");
}

#[test]
fn one_of_the_directories_in_a_directory_may_hold_the_tree() {
    let scratch = Scratch::new("only-child");
    write(scratch.path(), "sosreport-1/proc/cmdline", "quiet\n");
    assert_eq!(host::read(scratch.path()).unwrap().command_line, Source::Read("quiet".into()));
    write(scratch.path(), "sosreport-1/copy/proc/cmdline", "inside\n");
    write(scratch.path(), "logs/a/b/readme", "x\n");
    assert_eq!(host::read(scratch.path()).unwrap().command_line, Source::Read("quiet".into()));
    write(scratch.path(), "host/sosreport-2/proc/cmdline", "mem=1G\n");
    let error = host::read(scratch.path()).unwrap_err().to_string();
    assert!(error.contains("(host/sosreport-2, sosreport-1)"), "{error}");
}

#[test]
fn the_machine_this_runs_on_survives_being_captured() {
    let scratch = Scratch::new("live");
    let out = scratch.path().join("live.tar.gz");
    let report = capture::write(Path::new("/"), &out, Existing::Keep).unwrap();
    assert_eq!(report.snapshot.origin, "/");
    assert!(report.snapshot.architecture.read().is_some());
    assert!(report.snapshot.version.read().is_some());
    let again = host::read(&out).unwrap();
    let expected = machine::Snapshot { origin: again.origin.clone(), ..report.snapshot };
    assert_eq!(again, expected);
}
