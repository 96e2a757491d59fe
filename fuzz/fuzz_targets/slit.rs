//! SLIT: an accepted table has a distance for every pair, and for no others; what follows is padding.
#![no_main]

use firmware::slit::Slit;
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    let _ = Slit::new(data);
    let mut bytes = table::sound(data, *b"SLIT");
    // Half of the inputs get a matching count, which the fuzzer would hardly guess.
    if bytes.len() > 44 && bytes[8] & 1 != 0 {
        let n = (bytes.len() - 44).isqrt();
        bytes.truncate(44 + n * n);
        bytes[36..44].copy_from_slice(&(n as u64).to_le_bytes());
        bytes = table::sound(&bytes, *b"SLIT");
    }
    let Ok(slit) = Slit::new(&bytes) else { return };
    let n = slit.localities();
    assert_eq!(44 + n * n + slit.padding(), bytes.len());
    let _ = slit.invalid_distance();
    assert_eq!(slit.rows().count(), n);
    for (from, row) in slit.rows().enumerate() {
        assert_eq!(row, &bytes[44 + from * n..][..n]);
        assert_eq!(slit.distance(from, n), None);
        assert!((0..n).all(|to| slit.distance(from, to) == Some(row[to])));
    }
    assert_eq!((slit.distance(n, 0), slit.distance(usize::MAX, usize::MAX)), (None, None));
});
