//! Kernel logs: lines come in order, with at most one item each, and items that were read are the same when
//! printed and read again.
#![no_main]

use firmware::log::{self, LogError, MemblockLine};
use libfuzzer_sys::fuzz_target;
use memblock::Request;

/// Checks that line numbers ascend and stay inside the log, and returns the valid items.
fn ordered<T: PartialEq + std::fmt::Debug>(
    read: impl Fn() -> Vec<Result<T, LogError>>,
    lines: usize,
    line_of: impl Fn(&T) -> usize,
) -> Vec<T> {
    let items = read();
    assert_eq!(items, read(), "reading twice gives the same");
    let mut last = 0;
    for item in &items {
        let line = item.as_ref().map_or_else(LogError::line, &line_of);
        assert!(last < line && line <= lines, "line {line} after {last} of {lines}");
        last = line;
    }
    items.into_iter().flatten().collect()
}

/// The log line of the function that has the same requirements as the request.
fn as_logged(request: &Request) -> String {
    let Request { size, align, min, max, node, exact_node, min_is_optional, .. } = *request;
    let function = match (min_is_optional, exact_node) {
        (false, _) => "memblock_phys_alloc_range",
        (true, false) => "memblock_alloc_try_nid",
        (true, true) => "memblock_alloc_exact_nid_raw",
    };
    let node = node.map_or("-1".to_owned(), |node| node.to_string());
    let node = if min_is_optional { format!(" nid={node}") } else { String::new() };
    let max = max.unwrap_or(0);
    format!("{function}: {size} bytes align={align:#x}{node} from={min:#018x} max_addr={max:#018x}")
}

fuzz_target!(|data: &[u8]| {
    let lines = log::lines(data).count();
    assert_eq!(lines, data.split_inclusive(|byte| *byte == b'\n').count());

    for line in ordered(|| log::e820(data).collect(), lines, |line| line.line) {
        let entry = line.entry;
        let text = format!(
            "<6>[    0.000000] BIOS-e820: [mem {:#018x}-{:#018x}] {}",
            entry.range.start(),
            entry.range.last(),
            entry.kind
        );
        assert_eq!(log::e820(text.as_bytes()).next().unwrap().unwrap().entry, entry, "{text}");
    }
    for line in ordered(|| log::srat(data).collect(), lines, |line| line.line) {
        let text = format!(
            "ACPI: SRAT: Node {} PXM {} [mem {:#010x}-{:#010x}]{}{}",
            line.node,
            line.proximity_domain,
            line.range.start(),
            line.range.last(),
            if line.hotplug { " hotplug" } else { "" },
            if line.non_volatile { " non-volatile" } else { "" },
        );
        let again = log::srat(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(log::SratLine { line: line.line, ..again }, line, "{text}");
    }
    for line in ordered(|| log::early_node_ranges(data).collect(), lines, |line| line.line) {
        let text =
            format!("  node {:3}: [mem {:#018x}-{:#018x}]", line.node, line.range.start(), line.range.last());
        let again = log::early_node_ranges(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(log::EarlyNodeRange { line: line.line, ..again }, line, "{text}");
    }
    let dumps = ordered(|| log::memblock(data).collect(), lines, MemblockLine::line);
    let mut dump = 0;
    for line in dumps {
        match line {
            MemblockLine::Start { dump: number, .. } => {
                dump += 1;
                assert_eq!(number, dump);
            }
            MemblockLine::Region(region) => assert_eq!(region.dump, dump),
            _ => {}
        }
    }
    ordered(|| log::memblock_calls(data).collect(), lines, |call| call.line);
    for asked in ordered(|| log::memblock_requests(data).collect(), lines, |asked| asked.line) {
        let text = as_logged(&asked.request);
        let again = log::memblock_requests(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(again.request, asked.request, "{text}");
    }
});
