use proptest::prelude::*;

use super::*;

/// One image of each format.
fn images() -> [Vec<u8>; 5] {
    [
        bz_image::tests::small(),
        elf::tests::elf(62, 0x100_0b53, &elf::tests::X86),
        arm64_image::tests::debian(),
        zboot::tests::zboot(b"gzip", &zboot::tests::gzip()),
        zboot::tests::zboot(b"zstd22", &[0x28, 0xb5, 0x2f, 0xfd, 0x24, 3, 0x19, 0, 0, b'a', b'b', b'c']),
    ]
}

#[test]
fn every_format_is_known_by_its_content() {
    let names = images().map(|bytes| Image::new(&bytes).unwrap().to_string());
    assert_eq!(
        names,
        [
            "x86 bzImage",
            "x86_64 ELF kernel",
            "arm64 Image",
            "EFI zboot image (gzip)",
            "EFI zboot image (zstd)"
        ]
    );
}

#[test]
fn a_file_that_is_no_kernel_is_told_what_was_expected() {
    assert_eq!(
        Image::new(b"root:x:0:0:root:/root:/bin/bash\n").unwrap_err().to_string(),
        "this is text; expected a kernel image: an x86 bzImage (\"HdrS\" at byte 0x202), a 64-bit ELF file, an \
         arm64 Image (\"ARMd\" at byte 0x38) or an EFI zboot image (\"zimg\" at byte 4)"
    );
    assert!(Image::new(b"").unwrap_err().to_string().starts_with("this is an empty file; expected"));
}

#[test]
fn a_kernel_that_still_is_compressed_is_told_how_to_unpack_it() {
    let error = Image::new(&zboot::tests::gzip()).unwrap_err();
    assert_eq!(error, ImageError::NotKernel { looks: Look::Compressed("gzip") });
}

#[test]
fn an_image_that_was_cut_off_is_refused_at_every_length() {
    for bytes in images() {
        // The rest of an arm64 Image belongs to nobody's header.
        let end = if Arm64Image::has_marks(&bytes) { 0x46 } else { bytes.len() };
        // The last paragraph of a bzImage may be short.
        let end = if BzImage::has_marks(&bytes) { end - 15 } else { end };
        for len in (0..end).step_by(7).chain([end - 1]) {
            assert!(Image::new(&bytes[..len]).is_err(), "{len:#x} bytes of {:?}", &bytes[..8]);
        }
    }
}

/// What every image that was read must hold.
fn check(bytes: &[u8]) {
    match Image::new(bytes) {
        Ok(Image::BzImage(kernel)) => {
            assert!(kernel.kernel.end <= bytes.len() && !kernel.kernel.is_empty());
            assert!(kernel.kernel_alignment.is_none_or(u32::is_power_of_two));
            let _ =
                (kernel.check_kexec_file_load(bz_image::Paging::FiveLevel), kernel.runtime_range(u64::MAX));
        }
        Ok(Image::Elf(kernel)) => {
            assert!(kernel.segments.is_sorted_by(|a, b| a.memory.end() <= b.memory.start()));
            assert!(kernel.segments.iter().all(|segment| bytes.get(segment.file.clone()).is_some()));
            assert!(kernel.entry_address().is_some() && kernel.extent().is_some());
        }
        Ok(Image::Arm64(kernel)) => {
            let _ = (kernel.placed_at(0), kernel.placed_at(u64::MAX << 21));
        }
        Ok(Image::Zboot(kernel)) => {
            assert!(bytes.get(kernel.payload()).is_some_and(|payload| !payload.is_empty()));
            if let Ok(unpacked) = kernel.unpack(1 << 16) {
                assert!(unpacked.len() <= 1 << 16);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
        check(&bytes);
    }

    #[test]
    fn valid_images_with_random_bytes_in_their_headers_are_read_or_refused(
        which in 0..5_usize,
        changes in proptest::collection::vec((0..0x270_usize, prop_oneof![Just(0), Just(0xff), any::<u8>()]), 1..6),
        len in prop_oneof![3 => Just(usize::MAX), 1 => 0..0x6000_usize],
    ) {
        let mut bytes = images()[which].clone();
        for (at, value) in changes {
            // Within the header of a bzImage, whose first 0x1f1 bytes nothing reads.
            let at = if which == 0 { 0x1f1 + at % 0x7b } else { at % bytes.len().min(0x120) };
            bytes[at] = value;
        }
        bytes.truncate(len);
        check(&bytes);
    }
}
