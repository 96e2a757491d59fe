//! The calls that a kernel logs with `memblock=debug`.

use memblock::{NodeId, PhysRange, RegionFlags};

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};

/// The kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemblockCallKind {
    /// `memblock_add`: a range becomes memory.
    Add,
    /// `memblock_add_node`: the same, with a node and attributes.
    AddNode,
    /// `memblock_remove`: a range is no longer memory.
    Remove,
    /// `memblock_reserve`: a range is reserved.
    Reserve,
    /// `memblock_phys_free` (`memblock_free` before 5.16): a range is no longer reserved.
    Free,
    /// `memblock_free_late`: a range goes straight to the page allocator.
    FreeLate,
}

/// One logged call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemblockCall<'a> {
    /// 1-based line number.
    pub line: usize,
    /// The call.
    pub kind: MemblockCallKind,
    /// The range of the call.
    pub range: PhysRange,
    /// The node, if one was given: for [`AddNode`](MemblockCallKind::AddNode), and for reservations since 7.0.
    pub node: Option<NodeId>,
    /// The attributes; where the node is.
    pub flags: RegionFlags,
    /// The caller, as the kernel prints it: `setup_arch+0x5a/0x1280`. Empty if the log does not say.
    pub caller: &'a [u8],
}

/// The calls that change memblock's tables, in a kernel log.
///
/// Calls made before `memblock=debug` was parsed are not in the log. A range of size 0, which Linux ignores,
/// yields [`LogError::Range`]. A call for everything above an address prints a last byte that has wrapped;
/// its range is returned up to the last address, where Linux cuts it (`mm/memblock.c:memblock_cap_size`). An
/// allocation appears as the reservation it made; [`memblock_requests`](super::memblock_requests) reads the
/// request.
///
/// Source: `mm/memblock.c`, the `memblock_dbg` of each function.
///
/// ```
/// use firmware::log::MemblockCallKind;
///
/// let text = b"[    0.0] memblock_reserve: [0x3c00000-0x3c10fff] setup_arch+0x73/0xb0\n";
/// let call = firmware::log::memblock_calls(text).next().unwrap()?;
/// assert_eq!((call.kind, call.range.start()), (MemblockCallKind::Reserve, 0x3c0_0000));
/// assert_eq!(call.caller, b"setup_arch+0x73/0xb0");
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn memblock_calls(text: &[u8]) -> MemblockCalls<'_> {
    MemblockCalls { lines: lines(text) }
}

/// Iterator over the memblock calls of a kernel log, from [`memblock_calls`].
#[derive(Clone, Debug)]
pub struct MemblockCalls<'a> {
    lines: Lines<'a>,
}

impl<'a> Iterator for MemblockCalls<'a> {
    type Item = Result<MemblockCall<'a>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|(line, message)| read(line, message).transpose())
    }
}

const CALLS: [(&str, MemblockCallKind); 8] = [
    ("memblock_add: ", MemblockCallKind::Add),
    ("memblock_add_node: ", MemblockCallKind::AddNode),
    ("memblock_remove: ", MemblockCallKind::Remove),
    ("memblock_reserve: ", MemblockCallKind::Reserve),
    // With its node and attributes (seen in 6.18 and later).
    ("__memblock_reserve: ", MemblockCallKind::Reserve),
    ("memblock_phys_free: ", MemblockCallKind::Free),
    ("memblock_free: ", MemblockCallKind::Free),
    ("memblock_free_late: ", MemblockCallKind::FreeLate),
];

fn read(line: usize, message: &[u8]) -> Result<Option<MemblockCall<'_>>, LogError> {
    let mut cursor = Cursor::new(message, line, "memblock call");
    let Some((_, kind)) = CALLS.into_iter().find(|(name, _)| cursor.skip(name)) else {
        return Ok(None);
    };
    cursor.expect("[")?;
    let (start, last) = cursor.bounds()?;
    cursor.expect("]")?;
    let wrapped = last.checked_add(1).is_some_and(|end| end < start);
    let bounds = (start, if wrapped { u64::MAX - 1 } else { last });
    let (mut node, mut flags) = (None, RegionFlags::empty());
    let has_node = cursor.skip(" nid=");
    if kind == MemblockCallKind::AddNode && !has_node {
        return Err(cursor.malformed("` nid=`"));
    }
    if has_node {
        node = cursor.node()?;
        cursor.expect(" flags=")?;
        flags = RegionFlags::from_bits_retain(cursor.bare_hex()?);
    }
    let caller = cursor.caller();
    Ok(Some(MemblockCall { line, kind, range: cursor.range(bounds)?, node, flags, caller }))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use memblock::RangeError;

    use super::*;

    #[test]
    fn calls_are_distinguished_and_requests_are_not_calls() {
        let text = b"\
memblock_add: [0x1000-0x9fbff] e820__memblock_setup+0x73/0xb0
memblock_add_node: [0x80000000-0x87ffffff] nid=0 flags=8 add_memory_resource+0x10/0x20
memblock_phys_alloc_range: 4096 bytes align=0x1000 from=0x0 max_addr=0x0 early_alloc+0x1/0x2
memblock_alloc_try_nid: 64 bytes align=0x40 nid=-1 from=0x0 max_addr=0x0 setup_arch+0x1/0x2
memblock_phys_free: [0x1000-0x1fff] free_it+0x1/0x2
";
        let kinds: Vec<_> = memblock_calls(text).map(|call| call.unwrap().kind).collect();
        assert_eq!(kinds, [MemblockCallKind::Add, MemblockCallKind::AddNode, MemblockCallKind::Free]);
    }

    #[test]
    fn driver_managed_memory_has_its_node_and_attributes() {
        let line = |nid: &str, flags: &str| {
            let text = std::format!("memblock_add_node: [0x1000-0x1fff] nid={nid} flags={flags} add+0x1/0x2");
            memblock_calls(text.as_bytes()).next().unwrap().map(|call| (call.node, call.flags))
        };
        assert_eq!(line("1", "8"), Ok((NodeId::new(1), RegionFlags::DRIVER_MANAGED)));
        assert_eq!(line("-1", "c"), Ok((None, RegionFlags::DRIVER_MANAGED | RegionFlags::NOMAP)));
        assert!(matches!(line("x", "8"), Err(LogError::Malformed { .. })));
        assert!(matches!(line("0", "100000000"), Err(LogError::Malformed { .. })));
    }

    #[test]
    fn a_reservation_may_say_its_node_and_attributes() {
        let text = b"__memblock_reserve: [0x1000-0x1fff] nid=-1 flags=20 setup_arch+0x844/0xc10\n\
            __memblock_reserve: [0x2000-0x2fff] nid=1 flags=0 f+0x1/0x2";
        let seen: Vec<_> = memblock_calls(text).map(Result::unwrap).collect();
        assert_eq!((seen[0].node, seen[0].flags), (None, RegionFlags::RSRV_KERN));
        assert_eq!((seen[1].node, seen[1].kind), (NodeId::new(1), MemblockCallKind::Reserve));
        assert_eq!(seen[0].caller, b"setup_arch+0x844/0xc10");
    }

    #[test]
    fn a_call_for_an_empty_range_is_an_error_with_its_line() {
        let text = b"\nmemblock_phys_free: [0x000000007ffc8000-0x000000007ffc7fff] memblock_free+0x1/0x2";
        let error = memblock_calls(text).next().unwrap().unwrap_err();
        assert!(matches!(error, LogError::Range { line: 2, source: RangeError::Empty { .. }, .. }));
    }

    #[test]
    fn a_call_for_everything_above_reaches_to_the_last_address() {
        // arm64 removes memory above its physical address limit with a size of ULLONG_MAX.
        let text = b"memblock_remove: [0x0001000000000000-0x0000fffffffffffe] arm64_memblock_init+0x20/0x264";
        let range = memblock_calls(text).next().unwrap().unwrap().range;
        assert_eq!(range, PhysRange::new(1 << 48, u64::MAX).unwrap());
    }
}
