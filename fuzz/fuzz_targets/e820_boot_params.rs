//! Zero page and bare e820 table: every entry has the right offset, and overlaps are real.
#![no_main]

use firmware::e820::{BootParams, E820Error, Entries, Table};
use libfuzzer_sys::fuzz_target;

fn check(entries: &Entries<'_>, base: usize, slots: usize) {
    let items: Vec<_> = entries.clone().collect();
    assert_eq!(items.len(), slots);
    assert_eq!(items, entries.clone().collect::<Vec<_>>(), "reading twice gives the same");
    for (index, item) in items.iter().enumerate() {
        if let Err(error) = item {
            assert_eq!(error.offset(), base + index * 20);
        }
    }
    let entry_at = |offset: usize| items[(offset - base) / 20].expect("only good entries overlap");
    for overlap in entries.overlaps() {
        let E820Error::Overlap { offset, earlier, range } = overlap else { panic!("{overlap}") };
        assert!(earlier < offset);
        assert_eq!(entry_at(offset).range.intersect(entry_at(earlier).range), Some(range));
    }
}

fuzz_target!(|data: &[u8]| {
    match BootParams::new(data) {
        Ok(page) => {
            let slots = usize::from(data[0x1e8]);
            assert!(slots <= 128);
            check(&page.entries(), 0x2d0, slots);
            let _ = (page.ramdisk(), page.setup_data(), page.protocol_version());
        }
        Err(error) => assert!(error.offset() <= data.len()),
    }
    // A page with the magic filled in, so that the fuzzer need not guess it.
    if data.len() >= 4096 {
        let mut page = data.to_vec();
        page[0x202..0x206].copy_from_slice(b"HdrS");
        page[0x1e8] %= 129;
        check(
            &BootParams::new(&page).expect("magic and count are right").entries(),
            0x2d0,
            page[0x1e8].into(),
        );
    }
    let table = &data[..data.len().min(2000)];
    match Table::new(table) {
        Ok(parsed) => check(&parsed.entries(), 0, table.len() / 20),
        Err(error) => assert_eq!(error.offset(), table.len() / 20 * 20),
    }
});
