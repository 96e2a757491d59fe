//! Allocation: finding memory for a request, and reserving it.

use memblock::{PhysRange, Request};

use super::linux::Linux;
use super::{config, nid};

/// What a caller of one of Linux's functions asks for, in Linux's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) size: u64,
    /// 0 stands for `SMP_CACHE_BYTES`.
    pub(super) align: u64,
    /// Lowest address.
    pub(super) start: u64,
    /// First address not allowed; or [`ACCESSIBLE`] or [`NOLEAKTRACE`].
    pub(super) end: u64,
    pub(super) nid: i32,
    pub(super) exact_nid: bool,
}

/// `MEMBLOCK_ALLOC_ACCESSIBLE`: up to the current limit.
pub(super) const ACCESSIBLE: u64 = 0;
/// `MEMBLOCK_ALLOC_NOLEAKTRACE`: the same, and kmemleak is not told.
const NOLEAKTRACE: u64 = 1;

impl Wanted {
    fn request(self, min_is_optional: bool) -> Request {
        Request {
            align: if self.align == 0 { config::SMP_CACHE_BYTES } else { self.align },
            min: self.start,
            max: if self.end <= NOLEAKTRACE { None } else { Some(self.end) },
            node: nid::wanted(self.nid),
            exact_node: self.exact_nid,
            min_is_optional,
            ..Request::new(self.size)
        }
    }
}

impl Linux<'_> {
    /// Allocates for a caller who wants a physical address (`memblock_alloc_range_nid`); `None` if there is
    /// nothing.
    pub(super) fn alloc(&mut self, wanted: Wanted) -> Option<u64> {
        self.alloc_for(&wanted.request(false))
    }

    /// Allocates for a caller who wants a pointer (`memblock_alloc_internal`): never above the current limit,
    /// and rather below the lowest address than not at all.
    pub(super) fn alloc_mapped(&mut self, wanted: Wanted) -> Option<u64> {
        let end = wanted.end.min(self.public.current_limit);
        self.alloc_for(&Wanted { end, ..wanted }.request(true))
    }

    fn alloc_for(&mut self, request: &Request) -> Option<u64> {
        let Request { size, align, .. } = *request;
        for attempt in request.attempts(&self.search_settings()) {
            let Some(found) = self.hole(&attempt, size, align, None) else { continue };
            // What cannot be noted down does not count as found.
            if self.reserve(PhysRange::from_size(found, size).ok()).is_ok() {
                return Some(found);
            }
        }
        None
    }
}
