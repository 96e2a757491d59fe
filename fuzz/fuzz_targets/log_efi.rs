//! EFI memory maps in kernel logs: lines come in order, and entries that were read are the same when printed
//! and read again.
#![no_main]

use firmware::log::{self, LogError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let lines = log::lines(data).count();
    let items: Vec<_> = log::efi(data).collect();
    assert_eq!(items, log::efi(data).collect::<Vec<_>>(), "reading twice gives the same");
    let mut last = 0;
    for item in items {
        let line = item.as_ref().map_or_else(LogError::line, |line| line.line);
        assert!(last < line && line <= lines, "line {line} after {last} of {lines}");
        last = line;
        let Ok(item) = item else { continue };
        let entry = item.entry;
        let (start, end, attributes) = (entry.range.start(), entry.range.last(), entry.attributes.bits());
        let kind = entry.kind.0;
        for text in [
            format!("efi:   {start:#014x}-{end:#014x} [type={kind}|attr={attributes:#018x}]"),
            format!("efi: mem07: [type={kind}|attr={attributes:#018x}] range=[{start:#x}-{end:#x}] (0MB)"),
        ] {
            assert_eq!(log::efi(text.as_bytes()).next().unwrap().unwrap().entry, entry, "{text}");
        }
    }
});
