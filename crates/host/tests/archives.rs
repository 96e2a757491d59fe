//! Archives as others make them: prefixes, links, long names, every compression, damage.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::PathBuf;

use common::Scratch;
use evidence::Source;
use evidence::snapshot::BlockState;
use flate2::Compression;
use flate2::write::GzEncoder;
use host::capture::{self, Existing};
use host::{CaptureError, ReadError};
use tar::{Builder, EntryType, Header};

const IOMEM: &str = "00001000-0009ffff : System RAM\n";
/// `proc/iomem` with [`IOMEM`] in it, as `tar --format=gnu` and `xz` write it.
const XZ: &[u8] = &[
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x1c,
    0x00, 0x00, 0x00, 0x10, 0xcf, 0x58, 0xcc, 0xe0, 0x07, 0xff, 0x00, 0x57, 0x5d, 0x00, 0x38, 0x1c, 0x8a,
    0x21, 0xa7, 0x40, 0xd0, 0xb7, 0x91, 0xa3, 0x9f, 0xbe, 0x35, 0x6f, 0x6b, 0x40, 0x9e, 0x4d, 0x2c, 0x24,
    0xca, 0x67, 0x4c, 0xf2, 0x1d, 0x50, 0x86, 0x86, 0x27, 0x11, 0xbe, 0x02, 0xb1, 0x19, 0xe4, 0x7d, 0xc0,
    0x7a, 0x59, 0xf8, 0x99, 0xef, 0x23, 0xbb, 0xfb, 0xfb, 0x19, 0xf5, 0xed, 0xe4, 0x82, 0xfc, 0xcd, 0x00,
    0x8a, 0x7b, 0x26, 0x0e, 0xe2, 0x48, 0x79, 0x62, 0xd4, 0xf0, 0xa0, 0x86, 0xf6, 0x89, 0x98, 0xea, 0x81,
    0x9a, 0x1e, 0x7b, 0xa0, 0xa1, 0x8d, 0x3a, 0xf9, 0x75, 0x7a, 0xf5, 0x8e, 0x04, 0xaa, 0x21, 0x00, 0x00,
    0x00, 0xd3, 0x33, 0x3d, 0xe7, 0xf9, 0xaf, 0x32, 0x15, 0x00, 0x01, 0x73, 0x80, 0x10, 0x00, 0x00, 0x00,
    0xbf, 0x4c, 0x1c, 0xaf, 0xb1, 0xc4, 0x67, 0xfb, 0x02, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
];

/// The same archive, as `zstd` writes it.
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x64, 0x00, 0x07, 0xf5, 0x02, 0x00, 0x82, 0x04, 0x10, 0x19, 0x80, 0xd5, 0x19,
    0x03, 0x80, 0x83, 0xf2, 0xc8, 0x1a, 0x85, 0x28, 0x7e, 0x8c, 0x20, 0x2d, 0x9a, 0x16, 0x4e, 0xa2, 0x70,
    0x26, 0x97, 0x07, 0x95, 0x01, 0x41, 0x82, 0x28, 0xb9, 0xd4, 0x73, 0x81, 0x25, 0x8f, 0xdc, 0xdd, 0x35,
    0x7e, 0xe1, 0x47, 0x98, 0xd9, 0x98, 0xe7, 0x00, 0x78, 0x22, 0x5a, 0xf5, 0x11, 0x95, 0xf8, 0x3f, 0xa5,
    0xe2, 0x1f, 0x97, 0x5a, 0xcc, 0x19, 0x1a, 0xd6, 0x9e, 0x0a, 0x00, 0x89, 0x81, 0x1f, 0x2c, 0x30, 0x63,
    0xb7, 0x2c, 0x4b, 0x07, 0x14, 0x07, 0x20, 0x39, 0xc0, 0x00, 0x5a, 0x0d, 0x70, 0xac, 0x5c, 0xc6, 0x26,
    0xe0, 0x05, 0x9c, 0xf3, 0xca, 0x69,
];

/// A frame that a zstd decoder skips.
const SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18, 0x03, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03];

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header
}

/// An archive of the given files; a name may be anything, also what `tar` itself would refuse to write.
fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = header(EntryType::Regular, text.len());
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn saved(scratch: &Scratch, bytes: &[u8]) -> PathBuf {
    let path = scratch.path().join("archive");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_tree_is_found_at_the_top_below_a_dot_or_in_one_directory() {
    let scratch = Scratch::new("prefix");
    for prefix in ["", "./", "/", "sosreport-host-2026/", "./sosreport-host-2026/"] {
        let archive = saved(&scratch, &tar_of(&[(&format!("{prefix}proc/iomem"), IOMEM), ("readme", "x")]));
        assert_eq!(host::read(&archive).unwrap().iomem, Source::Read(IOMEM.into()), "{prefix}");
    }
}

#[test]
fn a_tree_may_lie_deeper_and_hides_the_trees_inside_it() {
    let scratch = Scratch::new("deep");
    for prefix in ["host/sosreport-1/", "must-gather/image/nodes/worker-0/", "insights-1/data/"] {
        let own = format!("{prefix}proc/iomem");
        let inside = format!("{prefix}var/lib/guest/proc/iomem");
        let archive = saved(&scratch, &tar_of(&[(&inside, "0-1 : x\n"), (&own, IOMEM), ("a/readme", "x")]));
        assert_eq!(host::read(&archive).unwrap().iomem, Source::Read(IOMEM.into()), "{prefix}");
    }
}

#[test]
fn the_nodes_of_a_must_gather_are_named() {
    let scratch = Scratch::new("nodes");
    let node = |name: &str, file: &str| format!("gathered/image/nodes/{name}/{file}");
    let one =
        [(node("a", "proc_cmdline"), "quiet\n"), (node("a", "dmesg"), "[ 0.0] Linux version 6.1 (x)\n")];
    let files = |all: &[(String, &'static str)]| {
        let files: Vec<_> = all.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        saved(&scratch, &tar_of(&files))
    };
    let snapshot = host::read(&files(&one)).unwrap();
    assert_eq!(snapshot.command_line, Source::Read("quiet".into()));
    assert_eq!(snapshot.version, Source::Read("Linux version 6.1 (x)".into()));
    let two = [one.as_slice(), &[(node("b", "proc_cmdline"), "mem=1G\n")]].concat();
    let error = host::read(&files(&two)).unwrap_err().to_string();
    assert!(error.contains("gathered/image/nodes/a, gathered/image/nodes/b"), "{error}");
}

#[test]
fn two_trees_in_one_archive_are_named_not_mixed() {
    let scratch = Scratch::new("two");
    let archive = saved(&scratch, &tar_of(&[("a/proc/iomem", IOMEM), ("b/proc/iomem", IOMEM)]));
    let error = host::read(&archive).unwrap_err();
    assert!(matches!(&error, ReadError::SeveralTrees { roots, .. } if roots == &["a", "b"]), "{error}");
}

#[test]
fn every_compression_is_told_by_its_bytes_not_by_the_name() {
    let scratch = Scratch::new("packed");
    let plain = tar_of(&[("proc/iomem", IOMEM)]);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&plain).unwrap();
    let bzip2 = bzip2.finish().unwrap();
    for packed in [plain.clone(), gz(&plain), bzip2, XZ.to_vec(), ZSTD.to_vec(), [SKIPPABLE, ZSTD].concat()] {
        let archive = saved(&scratch, &packed);
        assert_eq!(host::read(&archive).unwrap().iomem, Source::Read(IOMEM.into()));
    }
}

#[test]
fn an_archive_cut_short_anywhere_is_an_error_never_half_a_machine() {
    let scratch = Scratch::new("short");
    let plain = tar_of(&[("proc/iomem", IOMEM), ("proc/cmdline", "quiet\n")]);
    for packed in [gz(&plain), XZ.to_vec(), ZSTD.to_vec()] {
        for length in 0..packed.len() {
            let archive = saved(&scratch, &packed[..length]);
            assert!(host::read(&archive).is_err(), "{length} of {} bytes", packed.len());
        }
    }
    // 1024 bytes are a whole entry: what GNU tar takes, too.
    for length in (0..plain.len() - 1024).step_by(256).filter(|length| *length != 1024) {
        let archive = saved(&scratch, &plain[..length]);
        assert!(host::read(&archive).is_err(), "{length} of {} bytes", plain.len());
    }
}

#[test]
fn the_mark_at_the_end_of_an_archive_may_be_missing() {
    let scratch = Scratch::new("no-mark");
    let plain = tar_of(&[("proc/iomem", IOMEM), ("proc/cmdline", "quiet\n")]);
    for bytes in [&plain[..plain.len() - 1024], &plain[..plain.len() - 512]] {
        for bytes in [bytes.to_vec(), gz(bytes)] {
            let snapshot = host::read(&saved(&scratch, &bytes)).unwrap();
            assert_eq!(snapshot.iomem, Source::Read(IOMEM.into()));
            assert_eq!(snapshot.command_line, Source::Read("quiet".into()));
        }
    }
}

#[test]
fn a_gzip_stream_ends_where_no_member_follows() {
    let scratch = Scratch::new("members");
    let plain = tar_of(&[("proc/iomem", IOMEM), ("proc/cmdline", "quiet\n")]);
    let (one, two) = plain.split_at(700);
    let members = [gz(one), gz(b""), gz(two)].concat();
    for rest in [&b""[..], &[0; 5000], b"x", b"\x1f", b"garbage"] {
        let snapshot = host::read(&saved(&scratch, &[&members, rest].concat())).unwrap();
        assert_eq!(snapshot.command_line, Source::Read("quiet".into()), "{rest:?}");
    }
    let error = host::read(&saved(&scratch, &[&members[..], b"\x1f\x8b\x08"].concat())).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
}

#[test]
fn attributes_filled_up_with_zeros_are_read_without_them() {
    let scratch = Scratch::new("padded");
    let padded = |text: &str| format!("{text}{}", "\0".repeat(4096 - text.len()));
    let size = "sys/devices/system/memory/block_size_bytes";
    let archive = tar_of(&[
        (size, &padded("8000000\n")),
        ("sys/devices/system/memory/memory0/state", &padded("online\n")),
        ("sys/devices/system/memory/memory0/valid_zones", &padded("Normal\n")),
        ("sys/kernel/boot_params/data", &padded("x")),
        ("sys/firmware/acpi/tables/SRAT", "SRAT\0\0"),
    ]);
    let snapshot = host::read(&saved(&scratch, &archive)).unwrap();
    let blocks = snapshot.memory_blocks.read().unwrap();
    assert_eq!(blocks.block_size, 0x800_0000);
    assert_eq!(
        (blocks.blocks[0].state, &blocks.blocks[0].valid_zones[..]),
        (BlockState::Online, &["Normal".into()][..])
    );
    assert_eq!(snapshot.boot_params.read().unwrap().0.len(), 4096);
    assert_eq!(snapshot.acpi_tables["SRAT"].read().unwrap().0, b"SRAT\0\0");
    let archive = tar_of(&[(size, &padded(&"z".repeat(4000)))]);
    let snapshot = host::read(&saved(&scratch, &archive)).unwrap();
    assert!(
        matches!(&snapshot.memory_blocks, Source::Unreadable { why, .. } if why.len() < 200),
        "{:?}",
        snapshot.memory_blocks
    );
}

#[test]
fn a_stray_uname_or_build_configuration_is_no_tree() {
    let scratch = Scratch::new("stray");
    let uname = "Linux h 6.1 #1 SMP x86_64 GNU/Linux\n";
    for stray in ["uname", "other/uname", "boot/config-6.1", "other/boot/config-6.1"] {
        let archive = saved(&scratch, &tar_of(&[("machine/proc/iomem", IOMEM), (stray, uname)]));
        assert_eq!(host::read(&archive).unwrap().iomem, Source::Read(IOMEM.into()), "{stray}");
        let archive = saved(&scratch, &tar_of(&[(stray, uname)]));
        assert!(matches!(host::read(&archive), Err(ReadError::NoTree { .. })), "{stray}");
    }
}

#[test]
fn a_hard_link_may_name_a_small_file_that_nothing_reads() {
    let scratch = Scratch::new("spare");
    for root in ["", "sos/"] {
        let mut tar = Builder::new(Vec::new());
        let mut add = |name: &str, text: &str| {
            tar.append_data(&mut header(EntryType::Regular, text.len()), name, text.as_bytes()).unwrap();
        };
        add(&format!("{root}aaa"), IOMEM);
        add("aaa/large", &"x".repeat((64 << 10) + 1));
        let mut link = |name: &str, target: &str| {
            tar.append_link(&mut header(EntryType::Link, 0), format!("{root}{name}"), target).unwrap();
        };
        link("proc/iomem", &format!("{root}aaa"));
        link("proc/zoneinfo", "aaa/large");
        link("proc/version", &format!("{root}proc/iomem"));
        let snapshot = host::read(&saved(&scratch, &tar.into_inner().unwrap())).unwrap();
        assert_eq!(snapshot.iomem, Source::Read(IOMEM.into()));
        assert_eq!(snapshot.version, Source::Read(IOMEM.into()));
        assert!(matches!(&snapshot.zoneinfo, Source::Unreadable { why, .. } if why.contains("hard link")));
    }
}

/// So many that handling each in turn against all others would not end within the patience of a test run.
#[test]
fn sixty_thousand_hard_links_to_one_file_are_all_that_file() {
    let scratch = Scratch::new("many-links");
    let mut tar = Builder::new(Vec::new());
    let state = |number: u32| format!("sys/devices/system/memory/memory{number}/state");
    let block_size = "sys/devices/system/memory/block_size_bytes";
    tar.append_data(&mut header(EntryType::Regular, 8), block_size, &b"8000000\n"[..]).unwrap();
    tar.append_data(&mut header(EntryType::Regular, 8), state(0), &b"offline\n"[..]).unwrap();
    for number in 1..60_000 {
        let mut header = header(EntryType::Link, 0);
        header.set_path(state(number)).unwrap();
        header.set_link_name(state(0)).unwrap();
        header.set_cksum();
        tar.append(&header, &b""[..]).unwrap();
    }
    let snapshot = host::read(&saved(&scratch, &tar.into_inner().unwrap())).unwrap();
    let blocks = &snapshot.memory_blocks.read().unwrap().blocks;
    assert_eq!(blocks.len(), 60_000);
    assert!(blocks.iter().all(|block| block.state == evidence::snapshot::BlockState::Offline));
}

#[test]
fn a_sparse_file_is_named_and_not_called_damage() {
    let scratch = Scratch::new("sparse");
    let sparse = |name: &str, is_extended: bool| {
        let mut tar = Builder::new(Vec::new());
        tar.append_data(&mut header(EntryType::Regular, 6), "proc/cmdline", &b"quiet\n"[..]).unwrap();
        let mut header = header(EntryType::GNUSparse, 512);
        header.set_path(name).unwrap();
        header.as_gnu_mut().unwrap().set_is_extended(is_extended);
        header.set_cksum();
        tar.append(&header, &[b'x'; 512][..]).unwrap();
        host::read(&saved(&scratch, &tar.into_inner().unwrap()))
    };
    let error = sparse("proc/kcore", true).unwrap_err();
    assert!(matches!(error, ReadError::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("proc/kcore") && text.contains("without -S"), "{text}");
    assert!(sparse("proc/kcore", false).is_ok());
    let snapshot = sparse("proc/iomem", false).unwrap();
    assert!(matches!(&snapshot.iomem, Source::Unreadable { why, .. } if why.contains("without -S")));

    let mut pax = Builder::new(Vec::new());
    pax.append_data(&mut header(EntryType::Regular, 6), "proc/cmdline", &b"quiet\n"[..]).unwrap();
    let records = [
        ("path", &b"proc/GNUSparseFile.1/iomem"[..]),
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.name", b"proc/iomem"),
    ];
    pax.append_pax_extensions(records).unwrap();
    pax.append_data(&mut header(EntryType::Regular, 6), "short", &b"1\n0\n1\n"[..]).unwrap();
    let snapshot = host::read(&saved(&scratch, &pax.into_inner().unwrap())).unwrap();
    assert!(matches!(&snapshot.iomem, Source::Unreadable { why, .. } if why.contains("without -S")));
}

#[test]
fn damage_names_the_archive_and_how_far_it_was_whole() {
    let scratch = Scratch::new("damage");
    let mut plain = tar_of(&[("proc/cmdline", "quiet\n"), ("proc/iomem", IOMEM)]);
    plain[1024 + 5] ^= 1;
    let archive = saved(&scratch, &plain);
    let error = host::read(&archive).unwrap_err();
    assert!(matches!(&error, ReadError::Damaged { entries: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("proc/cmdline"), "{error}");
}

#[test]
fn one_flipped_bit_is_never_a_panic() {
    let scratch = Scratch::new("flipped");
    let plain = tar_of(&[("proc/iomem", IOMEM)]);
    for packed in [gz(&plain), XZ.to_vec(), ZSTD.to_vec()] {
        for bit in 0..packed.len() * 8 {
            let mut bytes = packed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let archive = saved(&scratch, &bytes);
            if let Ok(snapshot) = host::read(&archive) {
                assert_eq!(snapshot.iomem, Source::Read(IOMEM.into()), "bit {bit} went unnoticed");
            }
        }
    }
}

#[test]
fn names_that_lead_out_of_the_tree_are_not_taken() {
    let scratch = Scratch::new("dots");
    let archive = saved(
        &scratch,
        &tar_of(&[("../proc/iomem", "lie\n"), ("x/../proc/iomem", "lie\n"), ("proc/cmdline", "quiet\n")]),
    );
    let snapshot = host::read(&archive).unwrap();
    assert_eq!(snapshot.iomem, Source::Missing);
    assert_eq!(snapshot.command_line, Source::Read("quiet".into()));
}

#[test]
fn long_names_of_gnu_and_pax_are_joined_to_their_entries() {
    let scratch = Scratch::new("long");
    let root = "r".repeat(200);
    let mut gnu = Builder::new(Vec::new());
    let mut of_file = header(EntryType::Regular, IOMEM.len());
    gnu.append_data(&mut of_file, format!("{root}/proc/iomem"), IOMEM.as_bytes()).unwrap();
    let mut pax = Builder::new(Vec::new());
    let name = format!("{root}/proc/iomem");
    pax.append_pax_extensions([("path", name.as_bytes())]).unwrap();
    let mut of_file = header(EntryType::Regular, IOMEM.len());
    of_file.set_path("short").unwrap();
    of_file.set_cksum();
    pax.append(&of_file, IOMEM.as_bytes()).unwrap();
    for archive in [gnu, pax] {
        let archive = saved(&scratch, &archive.into_inner().unwrap());
        assert_eq!(host::read(&archive).unwrap().iomem, Source::Read(IOMEM.into()));
    }
}

#[test]
fn a_hard_link_is_the_file_it_names_and_a_symbolic_one_is_not_followed() {
    let scratch = Scratch::new("links");
    let mut tar = Builder::new(Vec::new());
    tar.append_data(&mut header(EntryType::Regular, 6), "sos/proc/cmdline", &b"quiet\n"[..]).unwrap();
    tar.append_link(&mut header(EntryType::Link, 0), "sos/proc/iomem", "sos/proc/cmdline").unwrap();
    tar.append_link(&mut header(EntryType::Symlink, 0), "sos/proc/version", "cmdline").unwrap();
    tar.append_link(&mut header(EntryType::Link, 0), "sos/proc/zoneinfo", "sos/etc/passwd").unwrap();
    let archive = saved(&scratch, &tar.into_inner().unwrap());
    let snapshot = host::read(&archive).unwrap();
    assert_eq!(snapshot.iomem, Source::Read("quiet\n".into()));
    assert!(matches!(&snapshot.version, Source::Unreadable { why, .. } if why.contains("symbolic link")));
    assert!(matches!(&snapshot.zoneinfo, Source::Unreadable { why, .. } if why.contains("hard link")));
}

#[test]
fn a_file_larger_than_any_kernel_prints_is_unreadable_not_in_memory() {
    let scratch = Scratch::new("large");
    let size = 65 << 20;
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    tar.append_data(&mut header(EntryType::Regular, size), "proc/iomem", &vec![b'x'; size][..]).unwrap();
    tar.append_data(&mut header(EntryType::Regular, 6), "proc/cmdline", &b"quiet\n"[..]).unwrap();
    let archive = saved(&scratch, &tar.into_inner().unwrap().finish().unwrap());
    let snapshot = host::read(&archive).unwrap();
    assert!(
        matches!(&snapshot.iomem, Source::Unreadable { why, .. } if why.contains("/proc/iomem is larger"))
    );
    assert_eq!(snapshot.command_line, Source::Read("quiet".into()));
}

#[test]
fn what_is_no_capture_says_what_was_expected() {
    let scratch = Scratch::new("no-capture");
    let of = |bytes: &[u8]| host::read(&saved(&scratch, bytes)).unwrap_err();
    assert!(matches!(of(b""), ReadError::UnknownFormat { .. }));
    assert!(matches!(of(&[b'x'; 4096]), ReadError::UnknownFormat { .. }));
    assert!(matches!(of(&tar_of(&[("etc/passwd", "x")])), ReadError::NoTree { .. }));
    assert!(matches!(of(b"{\"schema\": 4096}"), ReadError::NewerSchema { found: 4096, .. }));
    assert!(matches!(of(b"{\"scheme\": 1}"), ReadError::BadJson { .. }));
    assert!(matches!(of(b"{\"schema\": 1, \"iomem\": 7}"), ReadError::BadJson { .. }));
    assert!(matches!(
        of(&tar_of(&[("proc/cmdline", "a"), ("physmem-capture.json", "{\"schema\": 4096}")])),
        ReadError::NewerSchema { found: 4096, .. }
    ));
    assert!(matches!(host::read("/nonexistent/x".as_ref()), Err(ReadError::Open { .. })));
    assert!(matches!(host::read(scratch.path()), Err(ReadError::NoTree { .. })));
}

#[test]
fn a_capture_replaces_nothing_unless_told_and_leaves_nothing_half_done() {
    let scratch = Scratch::new("replace");
    let origin = saved(&scratch, &tar_of(&[("proc/iomem", IOMEM)]));
    let out = scratch.path().join("out.tar.gz");
    std::fs::write(&out, "precious").unwrap();
    assert!(matches!(capture::write(&origin, &out, Existing::Keep), Err(CaptureError::Exists { .. })));
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    assert_eq!(capture::write(&origin, &out, Existing::Replace).unwrap().files, 1);
    assert_eq!(host::read(&out).unwrap().iomem, Source::Read(IOMEM.into()));
    let odd = scratch.path().join("out.zip");
    assert!(matches!(
        capture::write(&origin, &odd, Existing::Keep),
        Err(CaptureError::UnknownExtension { .. })
    ));
    let nowhere = scratch.path().join("no/such/out.tar");
    assert!(matches!(capture::write(&origin, &nowhere, Existing::Keep), Err(CaptureError::Write { .. })));
    let names: Vec<_> =
        std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_snapshot_in_json_can_only_be_captured_as_json() {
    let scratch = Scratch::new("json");
    let origin = saved(&scratch, &tar_of(&[("proc/iomem", IOMEM)]));
    let json = scratch.path().join("a.json");
    capture::write(&origin, &json, Existing::Keep).unwrap();
    let tar = scratch.path().join("b.tar");
    assert!(matches!(capture::write(&json, &tar, Existing::Keep), Err(CaptureError::NoFiles { .. })));
    capture::write(&json, &scratch.path().join("b.json"), Existing::Keep).unwrap();
}

#[test]
fn the_bytes_of_a_binary_file_are_not_in_the_error() {
    let path = std::env::temp_dir().join(format!("physmem-binary-{}", std::process::id()));
    let noise: Vec<u8> =
        (0..3000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
    for (bytes, expected) in
        [(&noise[..], "its first entry cannot be read"), (b"\x7fELF\x02\x01\x01\0\0", "it is an ELF file")]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = host::read(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.is_ascii(), "{error}");
    }
    std::fs::remove_file(path).unwrap();
}
