//! Files of firmware: each is told by its content, and no content is too odd.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use host::FirmwareFileError;
use machine::boot::BootInput;
use proptest::prelude::*;

/// A file that goes with its test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("physmem-firmware-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What becomes of a file with these bytes, as far as the input of a boot.
fn read(name: &str, bytes: &[u8]) -> Result<machine::Snapshot, FirmwareFileError> {
    let file = Temporary::new(name, bytes);
    let snapshot = host::read_firmware(std::slice::from_ref(&file.0))?;
    // It may not suffice for a boot, but asking must be possible.
    let _ = BootInput::of(&(&snapshot).into());
    Ok(snapshot)
}

fn of_capture(capture: &str) -> machine::Snapshot {
    let captures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures"));
    host::read(&captures.join(capture)).unwrap()
}

#[test]
fn a_table_that_is_cut_short_is_refused_by_its_name() {
    let machine = of_capture("x86/n3-srathot-movable_node.tar.gz");
    let srat = machine.acpi_tables["SRAT"].read().unwrap().0.clone();
    for length in 8..srat.len() {
        let error = read("cut-srat", &srat[..length]).unwrap_err();
        assert!(error.to_string().contains("is a damaged ACPI SRAT"), "{length}: {error}");
    }
    let tree = of_capture("arm64/dt-2node.tar.gz").device_tree.read().unwrap().0.clone();
    for length in (4..tree.len()).step_by(997) {
        let error = read("cut-tree", &tree[..length]).unwrap_err();
        assert!(error.to_string().contains("is a damaged flattened device tree"), "{length}: {error}");
    }
}

/// A map, a table of nodes, and what becomes of the boot.
fn with_map(name: &str, table: &[u8]) -> BootInput {
    let map = Temporary::new(
        &format!("{name}-map"),
        b"[mem 0x0000000000001000-0x000000000009fbff] usable\n[mem 0x0000000000100000-0x000000003fffffff] usable\n",
    );
    let table = Temporary::new(name, table);
    let snapshot = host::read_firmware(&[map.0.clone(), table.0.clone()]).unwrap();
    BootInput::of(&(&snapshot).into()).unwrap()
}

#[test]
fn a_damaged_table_beside_a_good_map_is_named_and_only_its_nodes_are_unknown() {
    let machine = of_capture("x86/numa4.tar.gz");
    let table = |signature: &str| machine.acpi_tables[signature].read().unwrap().0.clone();
    let (srat, slit) = (table("SRAT"), table("SLIT"));
    assert!(with_map("whole", &srat).numa.has_srat);
    for (name, table) in [("SRAT", &srat), ("SLIT", &slit)] {
        for length in 8..table.len() {
            let input = with_map(&format!("cut-{name}"), &table[..length]);
            assert!(!input.numa.has_srat && input.numa.distances.is_empty());
            let said = input.assumed.iter().find(|one| one.what == format!("the {name}")).unwrap();
            assert!(said.why.contains("cut-") && said.why.contains("damaged"), "{length}: {}", said.why);
        }
    }
    // A wrong byte: used as Linux would, or named.
    for (name, table) in [("SRAT", &srat), ("SLIT", &slit)] {
        for at in 4..table.len() {
            let mut table = table.clone();
            table[at] ^= 0xff;
            let input = with_map(&format!("wrong-{name}"), &table);
            assert!(input.assumed.iter().any(|one| one.what.contains(name)), "{name}, byte {at}");
        }
    }
}

#[test]
fn the_text_of_acpidump_brings_its_tables_of_nodes() {
    let text = include_bytes!("../../physmem/tests/commands/firmware/acpidump.txt");
    let numa = with_map("acpidump", text).numa;
    assert_eq!((numa.memory.len(), numa.distances), (4, vec![vec![10, 21], vec![21, 10]]));
}

#[test]
fn a_binary_file_is_called_by_its_kind() {
    let error = read("elf", b"\x7fELF\x02\x01\x01\0\0\0").unwrap_err().to_string();
    assert!(error.contains("it is an ELF file") && !error.contains('\x7f'), "{error}");
}

#[test]
fn an_error_names_the_line_of_the_file_not_of_what_is_made_of_it() {
    let error = read("line", b"# mine\n[mem 0x0-0xfff] usable\n[mem 0x2000-0x1000] usable\n").unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}

#[test]
fn a_log_brings_its_command_line_and_release_and_its_heading_need_not_be_there() {
    let log = "[    0.000000] Linux version 6.1.0-38-amd64 (x)\n[    0.000000] Command line: ro quiet\n\
               [    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable\n";
    let snapshot = read("log", log.as_bytes()).unwrap();
    assert_eq!(snapshot.command_line.read().map(String::as_str), Some("ro quiet"));
    let input = BootInput::of(&(&snapshot).into()).unwrap();
    assert_eq!(input.release.to_string(), "6.1.0-38-amd64");
}

#[test]
fn a_map_of_efi_is_found_behind_the_banner_of_its_log() {
    let log = "[    0.000000] Linux version 6.1.0-38-amd64 (x)\n[    0.000000] Command line: ro quiet\n\
               [    0.000000] efi: mem00: [Conventional Memory|   |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] \
               range=[0x0000000000100000-0x000000007ffdffff] (2046MB)\n";
    let snapshot = read("efi-log", log.as_bytes()).unwrap();
    assert_eq!(snapshot.architecture.read().map(String::as_str), Some("x86_64"));
    let input = BootInput::of(&snapshot.into()).unwrap();
    assert_eq!(input.command_line, "ro quiet");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_are_too_odd(
        magic in prop_oneof![
            Just(vec![0xd0, 0x0d, 0xfe, 0xed]),
            Just(b"SRAT".to_vec()),
            Just(b"SLIT".to_vec()),
            Just(b"BIOS-e820: [mem ".to_vec()),
            Just(b"[mem 0x0-0xffffffffffffffff] usable\n".to_vec()),
            Just(b"efi: mem00: [".to_vec()),
            Just(Vec::new()),
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        is_page: bool,
    ) {
        let mut bytes = magic;
        bytes.extend(rest);
        if is_page {
            bytes.resize(4096, 0xff);
            bytes[0x202..0x206].copy_from_slice(b"HdrS");
        }
        let _ = read("odd", &bytes);
    }
}

#[test]
fn of_a_log_of_two_boots_release_command_line_and_map_are_those_of_the_last() {
    let boot = |release: &str, line: &str, last: &str| {
        format!(
            "[    0.0] Linux version {release} (x)\n[    0.0] Command line: {line}\n\
             [    0.0] BIOS-provided physical RAM map:\n\
             [    0.0] BIOS-e820: [mem 0x0000000000100000-{last}] usable\n"
        )
    };
    let second = boot("6.12.2", "quiet", "0x000000007fffffff");
    let both = boot("6.12.1", "debug", "0x00000000ffffffff") + &second;
    let alone = read("second", second.as_bytes()).unwrap();
    let both = read("both", both.as_bytes()).unwrap();
    assert_eq!((&both.version, &both.command_line), (&alone.version, &alone.command_line));
    let evidence = |snapshot| evidence::Evidence::from(&snapshot).log;
    assert_eq!(evidence(both), evidence(alone));
}
