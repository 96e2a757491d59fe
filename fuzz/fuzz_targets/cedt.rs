//! CEDT: structures come in order and inside the table, and windows have one target per way.
#![no_main]

use firmware::cedt::{Cedt, Entry};
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    let _ = Cedt::new(data).map(|cedt| cedt.entries().count());
    let bytes = table::sound(data, *b"CEDT");
    let cedt = match Cedt::new(&bytes) {
        Ok(cedt) => cedt,
        Err(error) => return assert!(bytes.len() < 36, "{error}"),
    };
    let items: Vec<_> = cedt.entries().collect();
    assert_eq!(items, cedt.entries().collect::<Vec<_>>(), "reading twice gives the same");
    let mut at = 36;
    let mut windows = 0;
    for (index, item) in items.iter().enumerate() {
        let len =
            bytes.get(at + 2..at + 4).map_or(0, |len| usize::from(u16::from_le_bytes([len[0], len[1]])));
        match item {
            Ok(Entry::HostBridge(bridge)) => assert_eq!(bridge.offset, at),
            Ok(Entry::FixedMemoryWindow(window)) => {
                windows += 1;
                assert_eq!(window.offset, at);
                assert_eq!(window.targets().len(), window.ways as usize);
                assert!(window.granularity.is_power_of_two());
            }
            Ok(Entry::XorInterleaveMath(math)) => {
                assert_eq!(math.offset, at);
                assert_eq!(math.maps().len(), usize::from(bytes[at + 7]));
            }
            Ok(Entry::Other { offset, .. }) => assert_eq!(*offset, at),
            // A bad value is reported at the offset of the value.
            Err(error) => assert!(error.offset() >= at && error.offset() < at + len.max(4), "{error}"),
        }
        let last = index + 1 == items.len();
        assert!(last || len >= 4);
        at += len;
        assert!(last || at < bytes.len());
    }
    assert!(at >= bytes.len() || items.last().is_some_and(Result::is_err), "nothing is left unread");
    assert_eq!(cedt.windows().filter(Result::is_ok).count(), windows);
});
