//! HMAT: structures come in order and inside the table, and matrices have a value for every pair.
#![no_main]

use firmware::hmat::{Entry, Hmat};
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    let _ = Hmat::new(data).map(|hmat| hmat.entries().count());
    let bytes = table::sound(data, *b"HMAT");
    let hmat = match Hmat::new(&bytes) {
        Ok(hmat) => hmat,
        Err(error) => return assert!(bytes.len() < 40, "{error}"),
    };
    let items: Vec<_> = hmat.entries().collect();
    assert_eq!(items, hmat.entries().collect::<Vec<_>>(), "reading twice gives the same");
    let mut at = 40;
    for (index, item) in items.iter().enumerate() {
        let offset = match item {
            Ok(Entry::MemoryProximityDomain(domain)) => domain.offset,
            Ok(Entry::SystemLocality(matrix)) => {
                let (rows, columns) = (matrix.initiators().len(), matrix.targets().len());
                assert!(matrix.performance(rows, 0).is_none() && matrix.performance(0, columns).is_none());
                if columns != 0 && matrix.base_unit < 1 << 40 {
                    let answered = (0..rows * columns)
                        .filter(|pair| matrix.performance(pair / columns, pair % columns).is_some())
                        .count();
                    assert_eq!(answered, rows * columns);
                }
                matrix.offset
            }
            Ok(Entry::MemorySideCache(cache)) => {
                let count = u16::from_le_bytes([bytes[cache.offset + 30], bytes[cache.offset + 31]]);
                assert_eq!(cache.smbios_handles().len(), usize::from(count));
                cache.offset
            }
            Ok(Entry::Other { offset, .. }) => *offset,
            Err(error) => error.offset(),
        };
        assert_eq!(offset, at, "structures follow each other without a gap");
        let last = index + 1 == items.len();
        let len = bytes.get(at + 4..at + 8).map_or(0, |len| u32::from_le_bytes(len.try_into().unwrap()));
        assert!(last || len >= 8);
        at += len as usize;
        assert!(last || at < bytes.len());
    }
    assert!(at >= bytes.len() || items.last().is_some_and(Result::is_err), "nothing is left unread");
});
