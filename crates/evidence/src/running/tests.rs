use super::*;

fn text(text: &str) -> Source<String> {
    Source::Read(text.to_owned())
}

/// A header of /proc/kcore with these PT_LOADs: virtual address, physical address, size.
fn kcore(loads: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[0x10] = 4;
    bytes[0x20] = 64;
    bytes[0x36] = 56;
    bytes[0x38] = u8::try_from(loads.len() + 1).unwrap();
    // A PT_NOTE is first.
    let headers = [(4, (0, 0, 0))].into_iter().chain(loads.iter().map(|load| (1, *load)));
    for (kind, (virtual_address, physical, size)) in headers {
        let words: [u64; 7] = [kind, 0, virtual_address, physical, size, size, 0];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    bytes
}

const NOWHERE: u64 = u64::MAX;

/// As on a machine with 2 GiB and randomized addresses.
fn usual() -> Vec<u8> {
    kcore(&[
        (0xffff_ffff_b600_0000, 0x3600_0000, 0x260_0000),
        (0xffff_a000_0000_0000, NOWHERE, 0x1fff_ffff_ffff),
        (0xffff_ffff_c000_0000, NOWHERE, 0x3f00_0000),
        (0xff11_0000_0000_1000, 0x1000, 0x9_e000),
        (0xff11_0000_0010_0000, 0x10_0000, 0x7fee_0000),
        (0xffd4_0000_0000_0000, NOWHERE, 0x200_0000),
    ])
}

fn files() -> CrashFiles {
    CrashFiles {
        cpu_notes: vec![[text("7fc12000\n"), text("360\n")], [text("7fd12000\n"), text("360\n")]],
        vmcoreinfo: text("0x0000000100c66000 1024\n"),
        kcore: Source::Read(Bytes(usual())),
    }
}

fn of(crash: CrashFiles) -> Result<RunningCrash, RunningError> {
    let files = RunningFiles { crash: Some(crash), ..RunningFiles::default() };
    Running::of(&files, [1; 32], [1; 8]).map(|running| running.crash.unwrap())
}

fn with_kcore(bytes: Vec<u8>) -> Result<RunningCrash, RunningError> {
    of(CrashFiles { kcore: Source::Read(Bytes(bytes)), ..files() })
}

fn r(start: u64, size: u64) -> PhysRange {
    PhysRange::from_size(start, size).unwrap()
}

#[test]
fn notes_have_a_decimal_size_and_the_kernels_own_a_hexadecimal_one() {
    let crash = of(files()).unwrap();
    assert_eq!(crash.cpu_notes, [r(0x7fc1_2000, 360), r(0x7fd1_2000, 360)]);
    assert_eq!(crash.vmcoreinfo, r(0x1_00c6_6000, 0x1024));
}

#[test]
fn the_program_headers_of_kcore_show_where_memory_and_text_are_mapped() {
    let crash = of(files()).unwrap();
    assert_eq!(crash.page_offset, 0xff11_0000_0000_0000);
    let text = KernelText { memory: r(0x3600_0000, 0x260_0000), virtual_address: 0xffff_ffff_b600_0000 };
    assert_eq!(crash.text, Some(text));
    // Text of which no physical address is shown is left out; memory without one shows nothing.
    let hidden = kcore(&[(0xffff_ffff_8100_0000, NOWHERE, 1), (0xffff_8880_0010_0000, 0x10_0000, 0x1000)]);
    assert_eq!(with_kcore(hidden).unwrap().text, None);
    let old = kcore(&[(0xffff_ffff_8100_0000, 0, 0x1000), (0xffff_8880_0010_0000, 0, 0x1000)]);
    assert_eq!(with_kcore(old), Err(RunningError::NoDirectMap));
}

#[test]
fn text_that_is_mapped_at_another_distance_than_the_memory_around_it_is_text_wherever_it_is() {
    // As on arm64, where the direct map begins with the RAM at 0x40000000, at the lowest of the kernel's addresses.
    let text = (0xffff_b0b6_a4c0_0000, 0x4260_0000, 0x2a0_0000);
    let ram =
        [(0xffff_0000_0000_0000, 0x4000_0000, 0x3c00_0000), (0xffff_0000_3e00_0000, 0x7e00_0000, 0x200_0000)];
    let nowhere = (0xffff_8000_8000_0000, NOWHERE, 0x1000);
    let crash = with_kcore(kcore(&[text, nowhere, ram[0], ram[1]])).unwrap();
    assert_eq!(crash.page_offset, 0xfffe_ffff_c000_0000);
    let text = KernelText { memory: r(0x4260_0000, 0x2a0_0000), virtual_address: text.0 };
    assert_eq!(crash.text, Some(text));
    assert_eq!(with_kcore(kcore(&ram)).unwrap().text, None);
    // RAM may begin at 0, and is not text for that.
    let (text, ram) =
        ((0xffff_8000_0801_0000, 0x21_0000, 0x100_0000), (0xffff_0000_0000_0000, 0, 0x3b40_0000));
    let crash = with_kcore(kcore(&[text, ram])).unwrap();
    assert_eq!((crash.page_offset, crash.text.unwrap().virtual_address), (ram.0, text.0));
}

#[test]
fn what_is_not_there_or_damaged_is_named() {
    let says = |files: CrashFiles, part: &str| {
        let error = of(files).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    says(CrashFiles { vmcoreinfo: Source::Missing, ..files() }, "/sys/kernel/vmcoreinfo");
    says(CrashFiles { vmcoreinfo: text("1000"), ..files() }, "found `1000`");
    says(CrashFiles { vmcoreinfo: text("0x1000 0"), ..files() }, "found `0x1000 0`");
    says(CrashFiles { vmcoreinfo: text("fffffffffffffff0 20"), ..files() }, "vmcoreinfo");
    says(CrashFiles { cpu_notes: Vec::new(), ..files() }, "crash_notes");
    says(CrashFiles { cpu_notes: vec![[text("x\n"), text("360")]], ..files() }, "found `x and 360`");
    says(CrashFiles { cpu_notes: vec![[text("1000"), Source::Missing]], ..files() }, "crash_notes_size");
    let why = "/proc/kcore: permission denied".to_owned();
    let refused = Source::Unreadable { why, for_lack_of_privilege: true };
    says(CrashFiles { kcore: refused, ..files() }, "permission denied");
    let mut whole = usual();
    whole.pop();
    for damaged in [whole, vec![0; 64], b"\x7fELF".to_vec(), Vec::new()] {
        says(
            CrashFiles { kcore: Source::Read(Bytes(damaged)), ..files() },
            "expected the header of a 64-bit",
        );
    }
}

#[test]
fn the_root_pointer_is_the_newer_one_of_efis_tables() {
    let of = |tables: &str| {
        let files = RunningFiles { efi_tables: text(tables), ..RunningFiles::default() };
        Running::of(&files, [0; 32], [0; 8]).unwrap().acpi_rsdp
    };
    assert_eq!(of("ACPI20=0x7fb7e014\nACPI=0x7fb7e000\nSMBIOS=0x7f9d2000\n"), Some(0x7fb7_e014));
    assert_eq!(of("ACPI=0x7fb7e000\n"), Some(0x7fb7_e000));
    assert_eq!((of("SMBIOS=0x1\n"), of("ACPI20=?\n")), (None, None));
}

#[test]
fn a_load_for_a_reboot_needs_nothing_of_a_dump() {
    let running = Running::of(&RunningFiles::default(), [3; 32], [4; 8]).unwrap();
    assert_eq!(running, Running { seed: [3; 32], kaslr_seed: [4; 8], ..Running::default() });
}
