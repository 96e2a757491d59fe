//! The order in which memory is searched: first for what was asked for, then for acceptable alternatives.

use crate::{PageSize, PhysRange, RegionFlags, Request, Selection};

/// What a search depends on besides the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchSettings {
    /// The size of a page; page 0 is never handed out.
    pub page_size: PageSize,
    /// Where memory ends for requests without an end (`memblock.current_limit`).
    pub current_limit: u64,
    /// Attributes that memory must or should have: `KHO_SCRATCH` in scratch-only mode, which is never given
    /// up; otherwise `MIRROR` on a machine with mirrored memory, which may be (`choose_memblock_flags`).
    pub prefer: RegionFlags,
}

/// One search: free memory that `selection` includes, inside `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which memory.
    pub selection: Selection,
    /// Where.
    pub window: PhysRange,
}

/// The searches for a request in order, from [`Request::attempts`].
#[derive(Clone, Debug)]
pub struct Attempts {
    request: Request,
    settings: SearchSettings,
    /// What the next search gives up, as bits: [`ANY_NODE`], [`NOT_MIRRORED`], [`FROM_ZERO`].
    step: u8,
}

const ANY_NODE: u8 = 1;
const NOT_MIRRORED: u8 = 2;
const FROM_ZERO: u8 = 4;

impl Request {
    /// The searches for this request in Linux's order (`memblock_alloc_range_nid`, and
    /// `memblock_alloc_internal` for the minimum; 6.12): as asked; on any node; then both without requiring
    /// mirrored memory; then all of these without the minimum.
    ///
    /// So mirrored memory on another node comes before plain memory on the requested node. Nothing is given
    /// up that the request insists on, and searches of an empty window are left out.
    ///
    /// ```
    /// use memblock::{NodeId, PageSize, RegionFlags, Request, SearchSettings};
    /// let settings = SearchSettings {
    ///     page_size: PageSize::KIB_4,
    ///     current_limit: u64::MAX,
    ///     prefer: RegionFlags::MIRROR,
    /// };
    /// let request = Request { node: NodeId::new(1), ..Request::new(4096) };
    /// let order: Vec<_> = request
    ///     .attempts(&settings)
    ///     .map(|attempt| (attempt.selection.node.is_some(), attempt.selection.flags.is_empty()))
    ///     .collect();
    /// assert_eq!(order, [(true, false), (false, false), (true, true), (false, true)]);
    /// ```
    pub const fn attempts(&self, settings: &SearchSettings) -> Attempts {
        Attempts { request: *self, settings: *settings, step: 0 }
    }
}

impl Request {
    /// The first of [`Request::attempts`].
    #[inline]
    pub(crate) const fn first_attempt(&self, settings: &SearchSettings) -> Option<Attempt> {
        let end = match self.max {
            Some(max) => max,
            None => settings.current_limit,
        };
        let page = settings.page_size.bytes();
        let Ok(window) = PhysRange::new(if self.min > page { self.min } else { page }, end) else {
            return None;
        };
        Some(Attempt { selection: Selection { node: self.node, flags: settings.prefer }, window })
    }
}

impl Attempts {
    /// Whether the request allows giving up what `step` does.
    #[inline]
    const fn allows(&self, step: u8) -> bool {
        let Self { request, settings, .. } = self;
        (step & ANY_NODE == 0 || (request.node.is_some() && !request.exact_node))
            && (step & NOT_MIRRORED == 0 || settings.prefer.contains(RegionFlags::MIRROR))
            && (step & FROM_ZERO == 0 || (request.min > 0 && request.min_is_optional))
    }
}

impl Iterator for Attempts {
    type Item = Attempt;

    #[inline]
    fn next(&mut self) -> Option<Attempt> {
        loop {
            let step = self.step;
            if step > ANY_NODE | NOT_MIRRORED | FROM_ZERO {
                return None;
            }
            self.step += 1;
            let Self { request, settings, .. } = &*self;
            let min = if step & FROM_ZERO == 0 { request.min } else { 0 };
            let end = match request.max {
                Some(max) => max,
                None => settings.current_limit,
            };
            let window = PhysRange::new(min.max(settings.page_size.bytes()), end);
            let (true, Ok(window)) = (self.allows(step), window) else { continue };
            let node = if step & ANY_NODE == 0 { request.node } else { None };
            let flags = if step & NOT_MIRRORED == 0 {
                settings.prefer
            } else {
                settings.prefer.difference(RegionFlags::MIRROR)
            };
            return Some(Attempt { selection: Selection { node, flags }, window });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::NodeId;

    const SETTINGS: SearchSettings =
        SearchSettings { page_size: PageSize::KIB_4, current_limit: 0x10_0000, prefer: RegionFlags::empty() };

    fn order(request: Request, settings: SearchSettings) -> Vec<(bool, bool, u64)> {
        let step = |attempt: Attempt| {
            let Attempt { selection, window } = attempt;
            (selection.node.is_some(), selection.flags.contains(RegionFlags::MIRROR), window.start())
        };
        request.attempts(&settings).map(step).collect()
    }

    #[test]
    fn a_plain_request_takes_one_search_that_leaves_out_page_0() {
        assert_eq!(order(Request::new(1), SETTINGS), [(false, false, 0x1000)]);
    }

    #[test]
    fn the_minimum_is_given_up_last_and_only_if_it_is_optional() {
        let strict = Request { min: 0x8000, node: NodeId::new(0), ..Request::new(1) };
        let mirror = SearchSettings { prefer: RegionFlags::MIRROR, ..SETTINGS };
        let first =
            [(true, true, 0x8000), (false, true, 0x8000), (true, false, 0x8000), (false, false, 0x8000)];
        assert_eq!(order(strict, mirror), first);
        let all = order(Request { min_is_optional: true, ..strict }, mirror);
        assert_eq!(all[..4], first);
        assert_eq!(all[4..], first.map(|(node, mirror, _)| (node, mirror, 0x1000)));
    }

    #[test]
    fn the_first_attempt_is_the_first_of_all() {
        for (min, max) in [(0, None), (0x5000, Some(0x9000)), (0x5000, Some(0x5000))] {
            let request = Request { min, max, node: NodeId::new(1), ..Request::new(1) };
            assert_eq!(request.first_attempt(&SETTINGS), request.attempts(&SETTINGS).next());
        }
    }

    #[test]
    fn an_exact_node_is_never_given_up() {
        let exact = Request { node: NodeId::new(1), exact_node: true, ..Request::new(1) };
        assert_eq!(order(exact, SETTINGS), [(true, false, 0x1000)]);
    }

    #[test]
    fn scratch_memory_is_never_given_up() {
        let scratch = SearchSettings { prefer: RegionFlags::KHO_SCRATCH, ..SETTINGS };
        let attempts: Vec<_> = Request::new(1).attempts(&scratch).collect();
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].selection.flags, RegionFlags::KHO_SCRATCH);
    }

    #[test]
    fn an_end_may_exceed_the_current_limit_and_an_empty_window_is_not_searched() {
        let end =
            |max| Request { max, ..Request::new(1) }.attempts(&SETTINGS).next().map(|it| it.window.end());
        assert_eq!(end(None), Some(0x10_0000));
        assert_eq!(end(Some(0x20_0000)), Some(0x20_0000));
        assert_eq!(end(Some(0x1000)), None);
    }
}
