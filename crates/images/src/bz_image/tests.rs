use super::*;

/// The setup header of Debian's vmlinuz-6.12.117+deb12-amd64, in a file of its length. The kernel itself is
/// zeros: nothing reads it.
pub(crate) fn debian() -> Vec<u8> {
    let mut bytes = vec![0; 12_085_184];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x1f1] = 39;
    put(&mut bytes, 0x1f4, &753_952_u32.to_le_bytes());
    put(&mut bytes, 0x1fe, &[0x55, 0xaa]);
    put(&mut bytes, 0x200, b"\xeb\x6aHdrS\x0f\x02");
    bytes[0x211] = 1;
    put(&mut bytes, 0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(&mut bytes, 0x230, &0x20_0000_u32.to_le_bytes());
    put(&mut bytes, 0x234, &[1, 21, 0x7f, 0]);
    put(&mut bytes, 0x238, &2047_u32.to_le_bytes());
    put(&mut bytes, 0x248, &0x2cc_u32.to_le_bytes());
    put(&mut bytes, 0x24c, &0xb4_a230_u32.to_le_bytes());
    put(&mut bytes, 0x258, &0x100_0000_u64.to_le_bytes());
    put(&mut bytes, 0x260, &0x37e_e000_u32.to_le_bytes());
    put(&mut bytes, 0x264, &0xb6_d9b0_u32.to_le_bytes());
    put(&mut bytes, 0x268, &0xb7_de9c_u32.to_le_bytes());
    bytes
}

/// The same for a kernel of four KiB, for tests that read it often.
pub(crate) fn small() -> Vec<u8> {
    let mut bytes = debian();
    bytes.truncate(40 * 512 + 4096);
    put(&mut bytes, 0x1f4, &256_u32.to_le_bytes());
    put(&mut bytes, 0x24c, &0x800_u32.to_le_bytes());
    put(&mut bytes, 0x268, &0xff0_u32.to_le_bytes());
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// The small kernel with `value` at `at`.
fn with(at: usize, value: &[u8]) -> Result<BzImage, ImageError> {
    let mut bytes = small();
    put(&mut bytes, at, value);
    BzImage::new(&bytes)
}

fn message(at: usize, value: &[u8]) -> String {
    with(at, value).unwrap_err().to_string()
}

#[test]
fn the_header_of_debians_kernel_is_what_plans_are_made_of() {
    let image = BzImage::new(&debian()).unwrap();
    let header = crate::SetupHeader {
        file_size: 0xb8_67c0,
        setup_sects: 39,
        pref_address: 0x100_0000,
        kernel_alignment: 0x20_0000,
        init_size: 0x37e_e000,
        cmdline_size: 2047,
        above_4g: true,
    };
    assert_eq!(crate::SetupHeader::of(&image), Some(header));
    assert_eq!(image.check_kexec_file_load(Paging::FiveLevel), Ok(()));
}

#[test]
fn a_debian_kernel_says_what_its_capture_says() {
    let kernel = BzImage::new(&debian()).unwrap();
    assert_eq!(kernel.version, 0x20f);
    assert_eq!(kernel.setup_sects, 39);
    assert_eq!(kernel.kernel, 40 * 512..40 * 512 + 753_952 * 16);
    assert_eq!(kernel.file_size, 12_085_184);
    assert_eq!(kernel.load_flags, LoadFlags::LOADED_HIGH);
    assert_eq!(kernel.xload_flags.bits(), 0x7f);
    assert!(kernel.relocatable);
    assert_eq!(kernel.kernel_alignment, Some(0x20_0000));
    assert_eq!(kernel.min_alignment, Some(1 << 21));
    assert_eq!(kernel.pref_address, Some(0x100_0000));
    assert_eq!(kernel.init_size, Some(0x37e_e000));
    assert_eq!(kernel.cmdline_size, 2047);
    assert_eq!(kernel.initrd_addr_max, 0x7fff_ffff);
    assert_eq!(kernel.payload, Some(0x52cc..0x52cc + 0xb4_a230));
    assert_eq!(kernel.kernel_info_offset, Some(0xb7_de9c));
    assert_eq!(kernel.check_kexec_file_load(Paging::FiveLevel), Ok(()));
}

#[test]
fn zero_setup_sectors_mean_four() {
    let kernel = with(0x1f1, &[0]).unwrap();
    assert_eq!((kernel.setup_sects, kernel.kernel.start), (4, 5 * 512));
}

#[test]
fn each_missing_ability_is_a_refusal_with_its_reason() {
    let check = |at, value: &[u8]| with(at, value).unwrap().check_kexec_file_load(Paging::FourLevel);
    assert_eq!(check(0x206, &[0x0b, 2]), Err(Unloadable::ProtocolTooOld { version: 0x20b }));
    assert_eq!(check(0x211, &[0]), Err(Unloadable::NotLoadedHigh));
    assert_eq!(check(0x236, &[0x7e, 0]), Err(Unloadable::No64BitEntry));
    assert_eq!(check(0x236, &[0x7d, 0]), Err(Unloadable::NotAbove4G));
    assert_eq!(check(0x234, &[0]), Err(Unloadable::NotRelocatable));
    let four_levels = with(0x236, &[0x1f, 0]).unwrap();
    assert_eq!(four_levels.check_kexec_file_load(Paging::FourLevel), Ok(()));
    assert_eq!(four_levels.check_kexec_file_load(Paging::FiveLevel), Err(Unloadable::No5Level));
}

#[test]
fn a_refusal_says_where_the_header_says_so() {
    let old = with(0x206, &[5, 2]).unwrap().check_kexec_file_load(Paging::FourLevel).unwrap_err();
    assert_eq!(
        old.to_string(),
        "the kernel has boot protocol 2.05 (byte 0x206), expected 2.12 or later: older ones do not say whether \
         they have a 64-bit entry"
    );
}

#[test]
fn fields_that_came_later_are_not_read_from_an_older_kernel() {
    let kernel = with(0x206, &[2, 2]).unwrap();
    assert!(!kernel.relocatable);
    assert_eq!((kernel.kernel_alignment, kernel.min_alignment), (None, None));
    assert_eq!((kernel.pref_address, kernel.init_size, kernel.kernel_info_offset), (None, None, None));
    assert_eq!((kernel.cmdline_size, kernel.initrd_addr_max), (255, 0x37ff_ffff));
    assert_eq!(kernel.xload_flags, XLoadFlags::empty());
    assert_eq!(kernel.payload, None);
    assert_eq!(kernel.kernel.end, kernel.file_size);
    assert_eq!(kernel.runtime_range(0x10_0000), None);
}

#[test]
fn the_runtime_address_is_aligned_or_the_preferred_one() {
    let range = |kernel: &BzImage, load| kernel.runtime_range(load).map(|range| range.to_string());
    let kernel = with(0, b"MZ").unwrap();
    assert_eq!(range(&kernel, 0x1_0010_0000).unwrap(), "100200000-1039edfff");
    assert_eq!(range(&kernel, 0x20_0000).unwrap(), "00200000-039edfff");
    assert_eq!(range(&kernel, u64::MAX), None);
    let fixed = with(0x234, &[0]).unwrap();
    assert_eq!(range(&fixed, 0x20_0000).unwrap(), "01000000-047edfff");
}

#[test]
fn an_alignment_that_is_no_power_of_two_is_refused() {
    assert_eq!(message(0x230, &[0; 4]), "byte 0x230: kernel_alignment is 0x0, expected a power of two");
    assert_eq!(
        message(0x230, &[0, 0, 0x30, 0]),
        "byte 0x230: kernel_alignment is 0x300000, expected a power of two"
    );
    assert_eq!(
        message(0x235, &[32]),
        "byte 0x235: min_alignment is 0x20, expected the exponent of a power of two, at most 31"
    );
    assert_eq!(with(0x235, &[0]).unwrap().min_alignment, None);
}

#[test]
fn a_kernel_that_cannot_move_needs_no_alignment() {
    assert_eq!(with(0x230, &[0, 0, 0, 0, 0]).unwrap().kernel_alignment, None);
}

#[test]
fn sizes_that_wrap_are_refused() {
    assert_eq!(
        message(0x258, &[0xff; 8]),
        "byte 0x258: init_size bytes at pref_address: range at 0xffffffffffffffff of 0x37ee000 bytes runs past \
         the last representable address"
    );
    assert_eq!(
        message(0x260, &[0; 4]),
        "byte 0x260: init_size is 0x0, expected the memory that the kernel needs to start, in bytes"
    );
    assert_eq!(
        message(0x24c, &[0xff; 4]),
        "byte 0x52cc: the payload, by payload_offset and payload_length, has 0xffffffff bytes from there, but \
         the file ends at byte 0x6000"
    );
    assert_eq!(
        message(0x268, &[0, 0x10, 0, 0]),
        "byte 0x268: kernel_info_offset is 0x1000, expected an offset within the kernel, of syssize paragraphs"
    );
}

#[test]
fn a_payload_in_the_signature_behind_the_kernel_is_refused() {
    let mut bytes = small();
    bytes.resize(bytes.len() + 512, 0);
    put(&mut bytes, 0x24c, &(4096_u32 - 0x2cc + 1).to_le_bytes());
    assert!(matches!(BzImage::new(&bytes), Err(ImageError::TooShort { len: 0x6000, .. })));
    put(&mut bytes, 0x24c, &(4096_u32 - 0x2cc).to_le_bytes());
    assert_eq!(BzImage::new(&bytes).unwrap().payload.unwrap().end, 0x6000);
}

#[test]
fn a_kernel_that_was_cut_off_is_refused() {
    let bytes = small();
    let cut = |len: usize| BzImage::new(&bytes[..len]).unwrap_err().to_string();
    assert_eq!(
        cut(0x26b),
        "byte 0x1f1: the setup header has 0x7b bytes from there, but the file ends at byte 0x26b"
    );
    assert_eq!(
        cut(40 * 512 - 1),
        "byte 0x0: the setup code has 0x5000 bytes from there, but the file ends at byte 0x4fff"
    );
    assert_eq!(
        cut(0x5ff0),
        "byte 0x5000: the kernel, by syssize, has 0xff1 bytes from there, but the file ends at byte 0x5ff0"
    );
    // A paragraph that its builder did not fill up.
    assert_eq!(BzImage::new(&bytes[..0x5ff1]).unwrap().kernel, 0x5000..0x5ff1);
    assert_eq!(
        message(0x1f4, &[0; 4]),
        "byte 0x1f4: syssize is 0x0, expected the kernel's size in paragraphs of 16 bytes"
    );
    assert!(matches!(with(0x1f4, &[0xff; 4]), Err(ImageError::TooShort { size: 0xf_ffff_ffe1, .. })));
}

#[test]
fn other_boot_sectors_are_refused() {
    assert_eq!(message(0x1fe, &[0, 0]), "byte 0x1fe: boot_flag is 0x0, expected 0xaa55");
    assert_eq!(
        message(0x202, b"Hdr5"),
        "byte 0x202: the setup header's magic is 0x35726448, expected 0x53726448, \"HdrS\""
    );
    assert_eq!(
        message(0x206, &[0xff, 1]),
        "byte 0x206: the protocol version is 0x1ff, expected 0x200 or more"
    );
}
