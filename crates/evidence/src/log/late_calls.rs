//! What a kernel allocates after its last dump of memblock, with `memblock=debug`.

use firmware::log::{MemblockCall, MemblockCallKind, MemblockLine};
use memblock::{PhysRange, Request};

/// One call between the last dump and the page allocator's start, with the addresses it was logged with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LateCall {
    /// An allocation, and what it was given.
    Allocate {
        /// What was asked for.
        request: Request,
        /// What it was given.
        given: PhysRange,
        /// Whether it was for huge pages of user memory.
        is_hugetlb: bool,
    },
    /// A reservation of fixed addresses.
    Reserve(PhysRange),
    /// What is free again: mostly a part of an allocation.
    Free(PhysRange),
}

/// Callers that reserve what the command line asks for: a crash kernel, contiguous areas.
const ASKED_FOR: [&str; 6] =
    ["reserve_crashkernel", "setup_arch+", "cma_", "__cma_", "dma_contiguous", "hugetlb_cma"];
/// Callers that allocate gigantic pages (`vmemmap_populate_hugepages` is none of them).
const HUGETLB: [&str; 2] = ["hugetlb", "bootmem_huge_page"];
/// Where kexec handover allocates its scratch areas: the last allocations before the page allocator starts.
const SCRATCH: [&str; 2] = ["kho_memory_init+", "kho_reserve_scratch+"];
/// What the kernel prints as soon as the page allocator has started.
const STARTED: &[u8] = b"SLUB: ";

/// The calls, in order; empty unless the log has them from a dump to the page allocator's start.
pub(super) fn of(log: &[u8]) -> Vec<LateCall> {
    let dumps = firmware::log::memblock(log).filter_map(Result::ok);
    let starts = dumps.filter_map(|line| match line {
        MemblockLine::Start { line, .. } => Some(line),
        _ => None,
    });
    let started = firmware::log::lines(log).find(|(_, message)| message.starts_with(STARTED));
    let (Some(first), Some((started, _))) = (starts.max(), started) else { return Vec::new() };
    let requests: Vec<_> = firmware::log::memblock_requests(log).filter_map(Result::ok).collect();
    let is_scratch = |caller: &[u8]| SCRATCH.iter().any(|name| caller.starts_with(name.as_bytes()));
    let scratch = requests.iter().find(|asked| is_scratch(asked.caller)).map(|asked| asked.line);
    let end = scratch.map_or(started, |line| line.min(started));
    let calls = firmware::log::memblock_calls(log).filter_map(Result::ok);
    let calls: Vec<MemblockCall<'_>> = calls.filter(|call| call.line > first && call.line < end).collect();
    let mut late = Vec::with_capacity(calls.len());
    for call in &calls {
        let is_given =
            call.kind == MemblockCallKind::Reserve && call.caller.starts_with(b"memblock_alloc_range_nid+");
        // What an allocation was given is the next line but for what other processors print.
        let next = requests.partition_point(|asked| asked.line < call.line);
        let asked = next.checked_sub(1).and_then(|last| requests.get(last));
        let asked = asked.filter(|asked| {
            let between = |other: &MemblockCall<'_>| other.line > asked.line && other.line < call.line;
            asked.line > first && !calls.iter().any(between)
        });
        let is_asked_for = |caller: &[u8]| ASKED_FOR.iter().any(|name| caller.starts_with(name.as_bytes()));
        match (call.kind, asked) {
            (MemblockCallKind::Reserve, Some(asked)) if is_given && !is_asked_for(asked.caller) => {
                let caller = String::from_utf8_lossy(asked.caller);
                let is_hugetlb = HUGETLB.iter().any(|name| caller.contains(name));
                let (request, given) = (asked.request, call.range);
                late.push(LateCall::Allocate { request, given, is_hugetlb });
            }
            (MemblockCallKind::Reserve, _) if !is_given && !is_asked_for(call.caller) => {
                late.push(LateCall::Reserve(call.range));
            }
            (MemblockCallKind::Free, _) if !is_asked_for(call.caller) => {
                late.push(LateCall::Free(call.range));
            }
            _ => {}
        }
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
memblock_alloc_try_nid: 64 bytes align=0x40 nid=-1 from=0x0 max_addr=0x0 before+0x1/0x2
memblock_reserve: [0x8000-0x803f] memblock_alloc_range_nid+0x1/0x2
MEMBLOCK configuration:
memblock_phys_alloc_range: 4096 bytes align=0x1000 from=0x0 max_addr=0x100000000 reserve_crashkernel_generic+0x1/0x2
memblock_reserve: [0x7000-0x7fff] memblock_alloc_range_nid+0x1/0x2
memblock_alloc_try_nid: 8192 bytes align=0x1000 nid=0 from=0x0 max_addr=0x0 pcpu_embed_first_chunk+0x1/0x2
memblock_reserve: [0x5000-0x6fff] memblock_alloc_range_nid+0x1/0x2
memblock_phys_free: [0x6000-0x6fff] pcpu_embed_first_chunk+0x1/0x2
memblock_reserve: [0x1000-0x1fff] some_driver+0x1/0x2
memblock_alloc_try_nid: 48 bytes align=0x1000 nid=-1 from=0x0 max_addr=0x0 kho_memory_init+0x1/0x2
memblock_reserve: [0x4000-0x402f] memblock_alloc_range_nid+0x1/0x2
";

    #[test]
    fn calls_between_the_last_dump_and_the_scratch_areas_are_kept_but_for_what_was_asked_for() {
        let late = of(format!("{LOG}SLUB: HWalign=64\n").as_bytes());
        let range = |start, end| PhysRange::new(start, end).unwrap();
        let [LateCall::Allocate { request, given, is_hugetlb: false }, free, reserve] = &late[..] else {
            panic!("{late:?}");
        };
        assert_eq!((request.size, request.align, *given), (8192, 0x1000, range(0x5000, 0x7000)));
        assert_eq!(*free, LateCall::Free(range(0x6000, 0x7000)));
        assert_eq!(*reserve, LateCall::Reserve(range(0x1000, 0x2000)));
    }

    #[test]
    fn a_log_that_ends_too_early_has_none() {
        assert_eq!(of(LOG.as_bytes()), []);
    }
}
