//! SRAT: structures come in order and inside the table, and memory matches its bytes.
#![no_main]

use firmware::srat::{Entry, Processor, Srat};
use libfuzzer_sys::fuzz_target;

mod table;

fuzz_target!(|data: &[u8]| {
    let _ = Srat::new(data).map(|srat| srat.entries().count());
    let bytes = table::sound(data, *b"SRAT");
    let srat = match Srat::new(&bytes) {
        Ok(srat) => srat,
        Err(error) => return assert!(bytes.len() < 48, "{error}"),
    };
    let items: Vec<_> = srat.entries().collect();
    assert_eq!(items, srat.entries().collect::<Vec<_>>(), "reading twice gives the same");
    let mut at = 48;
    let mut memory = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let offset = match item {
            Ok(Entry::Processor(p)) => {
                let len = match p.processor {
                    Processor::Apic(_) => 16,
                    Processor::X2Apic(_) => 24,
                    Processor::GicC(_) => 18,
                    Processor::RintC(_) => 20,
                };
                assert!(bytes[p.offset + 1] >= len);
                p.offset
            }
            Ok(Entry::Memory(m)) => {
                assert!(bytes[m.offset + 1] >= 40);
                let field = |at: usize| {
                    u64::from_le_bytes(bytes[m.offset + at..m.offset + at + 8].try_into().unwrap())
                };
                assert_eq!(m.range.map_or(0, |range| range.size()), field(16));
                assert!(m.range.is_none_or(|range| range.start() == field(8)));
                memory.push(Ok(*m));
                m.offset
            }
            Ok(Entry::GenericInitiator(g) | Entry::GenericPort(g)) => g.offset,
            Ok(Entry::Other { offset, kind, len }) => {
                assert_eq!(bytes[*offset..*offset + 2], [*kind, *len]);
                *offset
            }
            Err(error) => {
                memory.push(Err(*error));
                error.offset()
            }
        };
        assert_eq!(offset, at, "structures follow each other without a gap");
        let len = usize::from(bytes.get(at + 1).copied().unwrap_or(0));
        assert!(last || len >= 2);
        at += len;
        assert!(last || at < bytes.len());
    }
    assert!(at >= bytes.len() || items.last().is_some_and(Result::is_err), "nothing is left unread");
    assert_eq!(srat.memory().collect::<Vec<_>>(), memory);
});
