//! Headers of dumps: what is read reads back once written, and memory does not wrap.
#![no_main]

use images::core_header::CoreHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match CoreHeader::new(data) {
        Ok(header) => {
            assert!(header.notes.len() + header.loads.len() <= usize::from(u16::MAX));
            assert!(header.ram().count() + 1 >= header.loads.len());
            assert_eq!(CoreHeader::new(&header.to_bytes()), Ok(header));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
