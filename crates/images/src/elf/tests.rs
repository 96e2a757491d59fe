use super::*;

/// A program header: type, offset, virtual and physical address, size in the file and in memory.
pub(crate) type Load = (u32, u64, u64, u64, u64, u64);

/// The shape of an x86 vmlinux, made small: text and data, per-CPU data at virtual address 0, a note.
pub(crate) const X86: [Load; 4] = [
    (1, 0x200, 0xffff_ffff_8100_0000, 0x100_0000, 0x100, 0x1000),
    (1, 0x300, 0, 0x330_1000, 0x80, 0x80),
    (1, 0x380, 0xffff_ffff_8333_a000, 0x333_a000, 0x80, 0xec_6000),
    (4, 0x200, 0xffff_ffff_826b_ea68, 0x26b_ea68, 0x10, 0x10),
];

/// An ELF file of 1 KiB.
pub(crate) fn elf(machine: u16, entry: u64, loads: &[Load]) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for word in [entry, 64, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 4]);
    for half in [64, 56, u16::try_from(loads.len()).unwrap(), 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for (kind, offset, virtual_address, physical, file_size, memory_size) in loads {
        bytes.extend(kind.to_le_bytes());
        bytes.extend((if *virtual_address == 0 { 6_u32 } else { 5 }).to_le_bytes());
        for word in [offset, virtual_address, physical, file_size, memory_size, &0x20_0000] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.resize(1024, 0);
    bytes
}

fn x86() -> Vec<u8> {
    elf(62, 0x100_0b53, &X86)
}

/// What is said of the x86 kernel with `value` at `at`.
fn message(at: usize, value: &[u8]) -> String {
    let mut bytes = x86();
    bytes[at..at + value.len()].copy_from_slice(value);
    ElfImage::new(&bytes).unwrap_err().to_string()
}

/// What is said of a kernel of these segments.
fn refused(loads: &[Load]) -> String {
    ElfImage::new(&elf(62, 0x100_0b53, loads)).unwrap_err().to_string()
}

#[test]
fn an_x86_kernel_has_its_segments_in_order_of_their_addresses() {
    let mut loads = X86;
    loads.reverse();
    let image = ElfImage::new(&elf(62, 0x100_0b53, &loads)).unwrap();
    assert_eq!((image.machine, image.entry), (Machine::X86_64, 0x100_0b53));
    let text = &image.segments[0];
    assert_eq!((text.header_offset, text.file.clone()), (64 + 3 * 56, 0x200..0x300));
    assert_eq!(text.virtual_address, 0xffff_ffff_8100_0000);
    let memory: Vec<_> = image.segments.iter().map(|segment| segment.memory.to_string()).collect();
    assert_eq!(memory, ["01000000-01000fff", "03301000-0330107f", "0333a000-041fffff"]);
    assert_eq!(image.extent().unwrap().to_string(), "01000000-041fffff");
    assert_eq!(image.entry_address(), Some(0x100_0b53));
}

#[test]
fn an_arm64_kernel_is_entered_at_a_virtual_address() {
    let base = 0xffff_8000_8000_0000;
    let linked = elf(183, base + 0x40, &[(1, 0x200, base, base, 0x100, 0x1000)]);
    assert_eq!(ElfImage::new(&linked).unwrap().entry_address(), Some(base + 0x40));
    let placed = elf(183, base + 0x40, &[(1, 0x200, base, 0x4000_0000, 0x100, 0x1000)]);
    let image = ElfImage::new(&placed).unwrap();
    assert_eq!((image.machine, image.entry_address()), (Machine::Aarch64, Some(0x4000_0040)));
}

#[test]
fn files_for_other_machines_are_refused() {
    assert_eq!(message(4, &[1]), "byte 0x4: the ELF class is 0x1, expected 2, 64-bit");
    assert_eq!(message(5, &[2]), "byte 0x5: the ELF byte order is 0x2, expected 1, little endian");
    assert_eq!(message(6, &[0]), "byte 0x6: the ELF version is 0x0, expected 1");
    assert_eq!(message(0x12, &[243]), "byte 0x12: e_machine is 0xf3, expected 62 (x86_64) or 183 (aarch64)");
    assert_eq!(
        message(0, b"\x7fELG"),
        "byte 0x0: the ELF magic is 0x7f454c47, expected 0x7f454c46, \"\\x7fELF\""
    );
}

#[test]
fn dumps_and_modules_are_no_kernels() {
    assert_eq!(
        message(0x10, &[4]),
        "byte 0x10: e_type is 0x4, expected 2 or 3, a program; 4 is a memory dump"
    );
    assert!(message(0x10, &[1]).ends_with("1 is an object file or a kernel module"));
    assert_eq!(message(0x10, &[9]), "byte 0x10: e_type is 0x9, expected 2 or 3, a program");
}

#[test]
fn headers_past_the_end_of_the_file_are_refused() {
    let bytes = x86();
    for len in [4, 15, 16, 63] {
        assert_eq!(
            ElfImage::new(&bytes[..len]).unwrap_err().to_string(),
            format!("byte 0x0: the ELF header has 0x40 bytes from there, but the file ends at byte {len:#x}")
        );
    }
    assert_eq!(
        ElfImage::new(&bytes[..0x100]).unwrap_err().to_string(),
        "byte 0x40: the table of program headers has 0xe0 bytes from there, but the file ends at byte 0x100"
    );
    assert!(message(0x20, &[0xff; 8]).starts_with("byte 0xffffffffffffffff: the table of program headers"));
    assert_eq!(
        message(0x36, &[55]),
        "byte 0x36: e_phentsize is 0x37, expected 0x38, the size of a program header"
    );
}

#[test]
fn a_count_or_a_place_of_program_headers_that_no_kernel_has_is_refused() {
    // Found by the fuzzer: it was called a missing section header, whatever was missing.
    assert_eq!(
        message(0x38, &[0xff, 0xff]),
        "byte 0x38: e_phnum is 0xffff, expected fewer than 0xffff program headers"
    );
    assert_eq!(message(0x20, &[0]), "byte 0x20: e_phoff is 0x0, expected 0x40 or more, after the ELF header");
}

#[test]
fn a_file_that_loads_nothing_is_refused() {
    let expected = "expected program headers with at least one of type PT_LOAD that has memory";
    assert_eq!(refused(&[]), format!("byte 0x38: e_phnum is 0x0, {expected}"));
    assert_eq!(refused(&X86[3..]), format!("byte 0x38: e_phnum is 0x1, {expected}"));
    assert_eq!(refused(&[(1, 0, 0, 0, 0, 0)]), format!("byte 0x38: e_phnum is 0x1, {expected}"));
}

#[test]
fn segments_that_overlap_are_refused_with_both_their_places() {
    let mut loads = X86;
    loads[2].3 = 0x100_0800;
    assert_eq!(
        refused(&loads),
        "byte 0xb0: the segment overlaps the one whose header is at byte 0x40, in 01000800-01000fff"
    );
    loads[2].3 = 0x100_1000;
    loads[2].5 = 0x100;
    assert!(ElfImage::new(&elf(62, 0x100_0b53, &loads)).is_ok(), "neighbours do not overlap");
}

#[test]
fn segments_whose_sizes_wrap_or_contradict_are_refused() {
    let mut loads = X86;
    loads[0].3 = u64::MAX - 0xff;
    assert_eq!(
        refused(&loads),
        "byte 0x58: p_paddr and p_memsz: range at 0xffffffffffffff00 of 0x1000 bytes runs past the last \
         representable address"
    );
    loads = X86;
    loads[0].4 = 0x1001;
    assert_eq!(
        refused(&loads),
        "byte 0x60: p_filesz is 0x1001, expected at most p_memsz, the memory it is loaded to"
    );
    loads = X86;
    loads[0].1 = u64::MAX;
    assert_eq!(
        refused(&loads),
        "byte 0xffffffffffffffff: a segment's content has 0x100 bytes from there, but the file ends at byte 0x400"
    );
    loads[0].1 = 0x301;
    assert!(refused(&loads).starts_with("byte 0x301: a segment's content"));
}

#[test]
fn an_entry_outside_the_kernels_code_is_refused() {
    let expected = "expected an address inside a loaded segment of code";
    // The per-CPU data, by their virtual address and by their physical one.
    assert_eq!(message(0x18, &[0; 8]), format!("byte 0x18: e_entry is 0x0, {expected}"));
    let data = message(0x18, &0x330_1000_u64.to_le_bytes());
    assert_eq!(data, format!("byte 0x18: e_entry is 0x3301000, {expected}"));
    assert!(message(0x18, &[0xff; 8]).ends_with(expected));
}
