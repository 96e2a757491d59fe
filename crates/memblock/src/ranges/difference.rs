//! `a − b`, upwards.

use super::span::Span;

/// The pieces of `a`'s ranges that lie in no range of `b`, ascending.
#[derive(Clone, Debug)]
pub struct Minus<A, B, T> {
    a: A,
    b: B,
    /// The rest of the current range of `a`.
    left: Option<T>,
    /// The first range of `b` that may still cut something; `None` before the first and after the last one.
    cut: Option<crate::PhysRange>,
    is_begun: bool,
}

impl<A, B, T> Minus<A, B, T> {
    pub(super) const fn new(a: A, b: B) -> Self {
        Self { a, b, left: None, cut: None, is_begun: false }
    }
}

impl<A: Iterator, B: Iterator<Item: Span>> Iterator for Minus<A, B, A::Item>
where
    A::Item: Span,
{
    type Item = A::Item;

    #[inline]
    fn next(&mut self) -> Option<A::Item> {
        loop {
            let piece = self.left.take().or_else(|| self.a.next())?;
            let range = piece.range();
            if !self.is_begun {
                self.is_begun = true;
                self.cut = self.b.next().map(|cut| cut.range());
            }
            while self.cut.is_some_and(|cut| cut.end() <= range.start()) {
                self.cut = self.b.next().map(|cut| cut.range());
            }
            let Some(cut) = self.cut.filter(|cut| cut.start() < range.end()) else { return Some(piece) };
            let (below, above) = range.subtract(cut);
            self.left = above.map(|above| piece.with_range(above));
            if let Some(below) = below {
                return Some(piece.with_range(below));
            }
        }
    }
}
