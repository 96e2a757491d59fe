use super::*;

/// The first bytes of Debian's vmlinuz-6.12.117+deb12-arm64: the header, and the PE header behind it.
pub(crate) fn debian() -> Vec<u8> {
    let mut bytes = vec![0; 256];
    for (at, value) in [
        (0, &b"MZ\x40\xfa\x3b\xe8\x73\x14"[..]),
        (0x10, &0x2b3_0000_u64.to_le_bytes()),
        (0x18, &[0x0a]),
        (0x38, b"ARMd\x40\0\0\0"),
        (0x40, b"PE\0\0\x64\xaa\x02\0"),
    ] {
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

/// Debian's kernel with `value` at `at`.
fn with(at: usize, value: &[u8]) -> Result<Arm64Image, ImageError> {
    let mut bytes = debian();
    bytes[at..at + value.len()].copy_from_slice(value);
    Arm64Image::new(&bytes)
}

fn message(at: usize, value: &[u8]) -> String {
    with(at, value).unwrap_err().to_string()
}

#[test]
fn a_debian_kernel_may_lie_anywhere_and_has_small_pages() {
    let kernel = Arm64Image::new(&debian()).unwrap();
    assert_eq!((kernel.text_offset, kernel.image_size, kernel.flags), (0, Some(0x2b3_0000), 0xa));
    assert!(!kernel.big_endian);
    assert_eq!((kernel.page_size, kernel.placement), (Some(4096), Placement::Anywhere));
    assert_eq!((kernel.pe_offset, kernel.file_size), (Some(0x40), 256));
}

#[test]
fn each_flag_is_read_from_its_bits() {
    let pages = |flags| with(0x18, &[flags]).unwrap().page_size;
    assert_eq!([0, 2, 4, 6].map(pages), [None, Some(4096), Some(16384), Some(65536)]);
    let kernel = with(0x18, &[1]).unwrap();
    assert_eq!((kernel.big_endian, kernel.placement), (true, Placement::NearStartOfRam));
}

#[test]
fn a_kernel_without_a_size_lies_at_the_old_offset() {
    let mut bytes = debian();
    bytes[8..0x20].fill(0);
    // A big-endian kernel's text_offset, and garbage where flags came later.
    bytes[0xd] = 8;
    bytes[0x18] = 0xff;
    let kernel = Arm64Image::new(&bytes).unwrap();
    assert_eq!((kernel.text_offset, kernel.image_size, kernel.flags), (0x8_0000, None, 0));
    assert_eq!(kernel.placed_at(0x4000_0000), Ok(None));
}

#[test]
fn a_kernel_lies_its_offset_behind_a_multiple_of_two_mebibytes() {
    let kernel = with(8, &0x8_0000_u64.to_le_bytes()).unwrap();
    assert_eq!(kernel.placed_at(0x4000_0000).unwrap().unwrap().to_string(), "40080000-42baffff");
    assert_eq!(
        kernel.placed_at(0x4010_0000).unwrap_err().to_string(),
        "byte 0x8: the base that text_offset counts from is 0x40100000, expected a multiple of 0x200000"
    );
    assert!(matches!(kernel.placed_at(0u64.wrapping_sub(0x20_0000)), Err(ImageError::Range { .. })));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    assert_eq!(
        message(0x10, &[63, 0, 0, 0]),
        "byte 0x10: image_size is 0x3f, expected 0, or the size of the kernel in memory, its header of 64 bytes \
         included"
    );
    assert_eq!(
        message(8, &[0xff; 8]),
        "byte 0x8: text_offset and image_size: range at 0xffffffffffffffff of 0x2b30000 bytes runs past the last \
         representable address"
    );
    assert!(matches!(with(8, &[0xff; 16]), Err(ImageError::Range { .. })));
}

#[test]
fn an_efi_program_for_another_machine_is_refused() {
    assert_eq!(message(0x44, &[0x64, 0x86]), "byte 0x44: the PE machine is 0x8664, expected 0xaa64, arm64");
    assert_eq!(message(0x40, b"NE"), "byte 0x40: the PE signature is 0x454e, expected 0x4550, \"PE\\0\\0\"");
    assert_eq!(
        message(0x3c, &[0xff; 4]),
        "byte 0xffffffff: the PE header has 0x6 bytes from there, but the file ends at byte 0x100"
    );
}

#[test]
fn a_kernel_without_an_efi_stub_has_no_pe_header() {
    assert_eq!(with(0, &[0x14]).unwrap().pe_offset, None);
    assert_eq!(with(0x3c, &[0]).unwrap().pe_offset, None);
}

#[test]
fn a_header_that_was_cut_off_or_has_no_magic_is_refused() {
    assert_eq!(
        Arm64Image::new(&debian()[..63]).unwrap_err().to_string(),
        "byte 0x0: the arm64 Image header has 0x40 bytes from there, but the file ends at byte 0x3f"
    );
    assert_eq!(
        message(0x38, b"ARMe"),
        "byte 0x38: the magic is 0x654d5241, expected 0x644d5241, \"ARM\\x64\""
    );
}
