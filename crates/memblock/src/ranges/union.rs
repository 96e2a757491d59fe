//! `a ∪ b`, upwards.

use super::span::Span;
use crate::PhysRange;

/// The maximal ranges that `a` and `b` cover together, ascending.
#[derive(Clone, Debug)]
pub struct Joined<A, B> {
    a: A,
    b: B,
    of_a: Option<PhysRange>,
    of_b: Option<PhysRange>,
}

impl<A, B> Joined<A, B> {
    pub(super) const fn new(a: A, b: B) -> Self {
        Self { a, b, of_a: None, of_b: None }
    }
}

impl<A: Iterator<Item: Span>, B: Iterator<Item: Span>> Joined<A, B> {
    /// The range that starts first, if it starts at or below `reach`.
    fn lowest(&mut self, reach: u64) -> Option<PhysRange> {
        if self.of_a.is_none() {
            self.of_a = self.a.next().map(|item| item.range());
        }
        if self.of_b.is_none() {
            self.of_b = self.b.next().map(|item| item.range());
        }
        let of_b_is_lower = match (self.of_a, self.of_b) {
            (Some(a), Some(b)) => b.start() < a.start(),
            (None, _) => true,
            (Some(_), None) => false,
        };
        let lowest = if of_b_is_lower { &mut self.of_b } else { &mut self.of_a };
        // Left in place unless it touches or overlaps what the caller has joined so far.
        lowest.take_if(|range| range.start() <= reach)
    }
}

impl<A: Iterator<Item: Span>, B: Iterator<Item: Span>> Iterator for Joined<A, B> {
    type Item = PhysRange;

    #[inline]
    fn next(&mut self) -> Option<PhysRange> {
        let mut joined = self.lowest(u64::MAX)?;
        while let Some(next) = self.lowest(joined.end()) {
            joined = joined.hull(next);
        }
        Some(joined)
    }
}
