//! Kernel images: what is read stands in the file, lies inside it, and can be placed.
#![no_main]

use images::bz_image::Paging;
use images::{Image, ImageError};
use libfuzzer_sys::fuzz_target;

/// The most that is unpacked: enough for a header, little enough to be fast.
const LIMIT: u64 = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let field = |at: usize, len: usize| {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(&data[at..at + len]);
        u64::from_le_bytes(bytes)
    };
    match Image::new(data) {
        Ok(Image::BzImage(kernel)) => {
            assert_eq!(u64::from(kernel.version), field(0x206, 2));
            assert!(!kernel.kernel.is_empty() && kernel.kernel.end <= data.len());
            assert_eq!(kernel.kernel.start, (usize::from(kernel.setup_sects) + 1) * 512);
            if let Some(payload) = &kernel.payload {
                assert!(kernel.kernel.start <= payload.start && payload.end <= kernel.kernel.end);
                assert_eq!(payload.len() as u64, field(0x24c, 4));
            }
            assert!(kernel.kernel_alignment.is_none_or(u32::is_power_of_two));
            if let Some(range) = kernel.runtime_range(0x1234_5678) {
                assert_eq!(range.size(), field(0x260, 4));
                let alignment = kernel.kernel_alignment.filter(|_| kernel.relocatable);
                assert!(alignment.is_none_or(|alignment| range.start().is_multiple_of(alignment.into())));
            }
            if kernel.check_kexec_file_load(Paging::FiveLevel).is_ok() {
                assert_eq!(kernel.check_kexec_file_load(Paging::FourLevel), Ok(()));
                assert!(kernel.relocatable && kernel.init_size.is_some());
            }
        }
        Ok(Image::Elf(kernel)) => {
            assert_eq!(kernel.entry, field(0x18, 8));
            let extent = kernel.extent().expect("a kernel has a segment");
            let entry = kernel.entry_address().expect("a kernel has an entry");
            assert!(extent.contains(entry));
            let mut end = 0;
            for segment in &kernel.segments {
                let at = usize::try_from(segment.header_offset).unwrap();
                assert_eq!(field(at, 4), 1, "PT_LOAD");
                assert_eq!(segment.memory.start(), field(at + 24, 8));
                assert_eq!(segment.memory.size(), field(at + 40, 8));
                assert!(data[segment.file.clone()].len() as u64 <= segment.memory.size());
                assert!(segment.memory.start() >= end, "in order, without overlap");
                end = segment.memory.end();
            }
        }
        Ok(Image::Arm64(kernel)) => {
            assert_eq!(kernel.image_size.unwrap_or(0), field(0x10, 8));
            if let Ok(Some(range)) = kernel.placed_at(0x4000_0000) {
                assert_eq!(range.start() - 0x4000_0000, kernel.text_offset);
            }
            let _ = kernel.placed_at(u64::MAX << 21);
        }
        Ok(Image::Zboot(kernel)) => {
            let payload = kernel.payload();
            assert_eq!([payload.start as u64, payload.len() as u64], [field(8, 4), field(12, 4)]);
            assert!(payload.start >= 64 && !data[payload].is_empty());
            if let Ok(unpacked) = kernel.unpack(LIMIT) {
                assert!(unpacked.len() as u64 <= LIMIT);
                let _ = Image::new(&unpacked);
            }
        }
        Err(ImageError::TooShort { start, size, len, .. }) => {
            assert!(start.checked_add(size).is_none_or(|end| end > len as u64), "it would have fitted");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
