//! Turns an algorithm that walks upwards into an iterator that goes both ways.

use super::span::Span;
use crate::PhysRange;

/// Reflects a range about the middle of the address space, which turns descending order into ascending.
fn mirror<T: Span>(item: T) -> T {
    let range = item.range();
    // The last byte of the address space is in no range, so both ends have a reflection.
    item.with_range(PhysRange::trusted(u64::MAX - range.end(), u64::MAX - range.start()))
}

/// An iterator over ranges, taken from the back and reflected, so that it ascends again.
///
/// With its inputs and output reflected, an algorithm that walks upwards runs downwards. So each algorithm is
/// written once.
#[derive(Clone, Debug)]
pub struct Mirrored<A>(pub(super) A);

impl<A: DoubleEndedIterator<Item: Span>> Iterator for Mirrored<A> {
    type Item = A::Item;

    #[inline]
    fn next(&mut self) -> Option<A::Item> {
        self.0.next_back().map(mirror)
    }
}

/// A walk from the front and a reflected one from the back, until they meet.
#[derive(Clone, Debug)]
pub struct BothEnds<F, B> {
    front: F,
    back: B,
    /// The front has returned everything below this address.
    low: u64,
    /// The back has returned everything from this address up.
    high: u64,
}

impl<F, B> BothEnds<F, B> {
    pub(super) const fn new(front: F, back: B) -> Self {
        Self { front, back, low: 0, high: u64::MAX }
    }
}

impl<F: Iterator<Item: Span>, B> Iterator for BothEnds<F, B> {
    type Item = F::Item;

    #[inline]
    fn next(&mut self) -> Option<F::Item> {
        if self.low >= self.high {
            return None;
        }
        let item = self.front.next().filter(|item| item.range().start() < self.high);
        self.low = item.map_or(u64::MAX, |item| item.range().end());
        item
    }
}

impl<F: Iterator<Item: Span>, B: Iterator<Item = F::Item>> DoubleEndedIterator for BothEnds<F, B> {
    #[inline]
    fn next_back(&mut self) -> Option<F::Item> {
        if self.low >= self.high {
            return None;
        }
        let item = self.back.next().map(mirror).filter(|item| item.range().end() > self.low);
        self.high = item.map_or(0, |item| item.range().start());
        item
    }
}

impl<F: Iterator<Item: Span>, B> core::iter::FusedIterator for BothEnds<F, B> {}
