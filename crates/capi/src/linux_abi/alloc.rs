//! Allocation: finding memory for a request and reserving it.

use memblock::{PhysRange, Request};

use super::linux::Linux;
use super::{config, nid};

/// The arguments of Linux's allocation functions, under Linux's names.
#[derive(Clone, Copy, Debug)]
pub(super) struct AllocArgs {
    pub(super) size: u64,
    /// 0 means `SMP_CACHE_BYTES`.
    pub(super) align: u64,
    /// Lowest address allowed.
    pub(super) start: u64,
    /// First address not allowed; or [`ACCESSIBLE`] or [`NOLEAKTRACE`].
    pub(super) end: u64,
    pub(super) nid: i32,
    pub(super) exact_nid: bool,
}

/// `MEMBLOCK_ALLOC_ACCESSIBLE`: up to the current limit.
pub(super) const ACCESSIBLE: u64 = 0;
/// `MEMBLOCK_ALLOC_NOLEAKTRACE`: the same, without informing kmemleak.
const NOLEAKTRACE: u64 = 1;

impl AllocArgs {
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
    /// Allocates for a caller who wants a physical address (`memblock_alloc_range_nid`). `None` if nothing
    /// fits.
    pub(super) fn alloc(&mut self, wanted: AllocArgs) -> Option<u64> {
        self.alloc_for(&wanted.request(false))
    }

    /// Allocates for a caller who wants a pointer (`memblock_alloc_internal`): never above the current limit,
    /// and below the lowest address if necessary.
    pub(super) fn alloc_mapped(&mut self, wanted: AllocArgs) -> Option<u64> {
        let end = wanted.end.min(self.public.current_limit);
        self.alloc_for(&AllocArgs { end, ..wanted }.request(true))
    }

    fn alloc_for(&mut self, request: &Request) -> Option<u64> {
        let Request { size, align, .. } = *request;
        for attempt in request.attempts(&self.search_settings()) {
            let Some(found) = self.hole(&attempt, size, align, None) else { continue };
            // Memory that cannot be recorded as reserved is not allocated.
            if self.reserve(PhysRange::from_size(found, size).ok()).is_ok() {
                return Some(found);
            }
        }
        None
    }
}
