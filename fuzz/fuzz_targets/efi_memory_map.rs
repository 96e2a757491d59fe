//! EFI memory map. The first two bytes select stride and version; the rest is the map.
#![no_main]

use firmware::efi::{EfiError, MemoryMap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [stride, version, bytes @ ..] = data else { return };
    let (stride, version) = (usize::from(*stride), u32::from(*version));
    let map = match MemoryMap::new(bytes, stride, version) {
        Ok(map) => map,
        Err(EfiError::DescriptorVersion { .. }) => return assert_ne!(version, 1),
        Err(EfiError::DescriptorSize { .. }) => return assert!(stride < 40),
        Err(error) => panic!("{error}"),
    };
    let items: Vec<_> = map.entries().collect();
    assert_eq!(items, map.entries().collect::<Vec<_>>(), "reading twice gives the same");
    assert_eq!(items.len(), bytes.len().div_ceil(stride));
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Ok(entry) => {
                let field = |at: usize| {
                    let at = index * stride + at;
                    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
                };
                assert_eq!(entry.range.start(), field(8));
                assert_eq!(entry.range.size(), field(24) * 4096);
                assert_eq!(entry.attributes.bits(), field(32));
            }
            Err(error) => assert_eq!(error.offset(), index * stride),
        }
    }
});
