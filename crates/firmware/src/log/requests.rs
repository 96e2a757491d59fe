//! The allocation requests that a kernel logs with `memblock=debug`.

use memblock::Request;

use super::cursor::Cursor;
use super::error::LogError;
use super::line::{Lines, lines};

/// One logged request for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemblockRequest<'a> {
    /// 1-based line number.
    pub line: usize,
    /// The request. It has no tag; the owner is [`MemblockRequest::caller`].
    pub request: Request,
    /// The caller, as the kernel prints it: `setup_log_buf+0xd4/0x3a0`. Empty if the log does not say.
    pub caller: &'a [u8],
}

/// The allocation requests in a kernel log, without their results.
///
/// The result of a request follows as a call in [`memblock_calls`](super::memblock_calls), a reservation by
/// `memblock_alloc_range_nid`; if no memory fits, nothing follows. Allocations that Linux does not log, such
/// as those for the data of a node, appear only as that reservation.
///
/// Calls that return virtual addresses (`memblock_alloc_…`) prefer memory above their minimum but accept
/// memory below; `memblock_phys_alloc_range` requires the minimum. An end of 0 or 1 means the current limit.
///
/// Source: `mm/memblock.c`, the `memblock_dbg` of each function (6.12).
///
/// ```
/// use memblock::Request;
///
/// let text = b"[    0.0] memblock_alloc_try_nid: 64 bytes align=0x40 nid=-1 from=0x0000000001000000 \
///     max_addr=0x0000000000000000 swiotlb_init_remap+0x193/0x300";
/// let asked = firmware::log::memblock_requests(text).next().unwrap()?;
/// assert_eq!(asked.request, Request { min: 1 << 24, min_is_optional: true, ..Request::new(64) });
/// # Ok::<(), firmware::log::LogError>(())
/// ```
pub fn memblock_requests(text: &[u8]) -> MemblockRequests<'_> {
    MemblockRequests { lines: lines(text) }
}

/// Iterator over the allocations in a kernel log, from [`memblock_requests`].
#[derive(Clone, Debug)]
pub struct MemblockRequests<'a> {
    lines: Lines<'a>,
}

impl<'a> Iterator for MemblockRequests<'a> {
    type Item = Result<MemblockRequest<'a>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|(line, message)| read(line, message).transpose())
    }
}

/// How the functions' lines start, whether they return virtual addresses and so have a node, and whether they
/// require that node.
const FUNCTIONS: [(&str, bool, bool); 4] = [
    ("memblock_phys_alloc_range: ", false, false),
    ("memblock_alloc_try_nid: ", true, false),
    ("memblock_alloc_try_nid_raw: ", true, false),
    ("memblock_alloc_exact_nid_raw: ", true, true),
];

/// The largest end that means the current limit: `MEMBLOCK_ALLOC_ACCESSIBLE` is 0, and
/// `MEMBLOCK_ALLOC_NOLEAKTRACE`, which differs only for kmemleak, is 1.
const CURRENT_LIMIT: u64 = 1;

fn read(line: usize, message: &[u8]) -> Result<Option<MemblockRequest<'_>>, LogError> {
    let mut cursor = Cursor::new(message, line, "memblock allocation");
    let Some((_, is_virtual, exact_node)) = FUNCTIONS.into_iter().find(|(name, ..)| cursor.skip(name)) else {
        return Ok(None);
    };
    let size = cursor.long_decimal()?;
    cursor.expect(" bytes align=")?;
    let align = cursor.hex()?;
    let mut node = None;
    if is_virtual {
        cursor.expect(" nid=")?;
        node = cursor.node()?;
    }
    cursor.expect(" from=")?;
    let min = cursor.hex()?;
    cursor.expect(" max_addr=")?;
    let max = Some(cursor.hex()?).filter(|max| *max > CURRENT_LIMIT);
    let request =
        Request { align, min, max, node, exact_node, min_is_optional: is_virtual, ..Request::new(size) };
    Ok(Some(MemblockRequest { line, request, caller: cursor.caller() }))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use memblock::NodeId;

    use super::*;

    #[test]
    fn each_function_requires_what_linux_requires() {
        let text = b"\
memblock_phys_alloc_range: 28672 bytes align=0x1000 from=0x1000 max_addr=0x100000 reserve_real_mode+0x57/0x90
memblock_alloc_exact_nid_raw: 4096 bytes align=0x200000 nid=1 from=0x0 max_addr=0x0 sparse_init_nid+0x1/0x2
memblock_alloc_try_nid_raw: 4096 bytes align=0x1000 nid=0 from=0x0 max_addr=0x1 spp_getpage+0x4e/0xa0
memblock_reserve: [0x1000-0x1fff] memblock_alloc_range_nid+0xbd/0x180
";
        let asked: Vec<_> = memblock_requests(text).map(Result::unwrap).collect();
        let kmem = Request { align: 0x1000, min_is_optional: true, ..Request::new(4096) };
        let expected = [
            Request { align: 0x1000, min: 0x1000, max: Some(0x10_0000), ..Request::new(28672) },
            Request { align: 0x20_0000, node: NodeId::new(1), exact_node: true, ..kmem },
            Request { node: NodeId::new(0), ..kmem },
        ];
        assert!(asked.iter().map(|asked| asked.request).eq(expected));
        assert_eq!((asked[2].line, asked[2].caller), (3, &b"spp_getpage+0x4e/0xa0"[..]));
    }

    #[test]
    fn a_request_that_is_cut_off_is_an_error_with_its_line() {
        let text = b"\nmemblock_alloc_try_nid: 64 bytes align=0x40 nid=";
        let error = memblock_requests(text).next().unwrap().unwrap_err();
        assert_eq!(error.line(), 2);
    }
}
