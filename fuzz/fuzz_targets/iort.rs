//! IORT: the walk ends, and the limit is the narrowest one in the table.
#![no_main]

use firmware::iort::Iort;
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    let _ = Iort::new(data);
    let bytes = table::sound(data, *b"IORT");
    let Ok(iort) = Iort::new(&bytes) else { return };
    // A node has at least 16 bytes.
    assert!(iort.address_bits().count() <= bytes.len() / 16);
    match iort.last_address() {
        Some(last) => assert!(iort.address_bits().all(|bits| bits >= 64 || last >> bits == 0)),
        None => assert!(iort.address_bits().all(|bits| bits >= 64)),
    }
});
