//! `a ∩ b`, upwards.

use super::span::Span;

/// The parts that a range of `a` and a range of `b` have in common, ascending.
#[derive(Clone, Debug)]
pub struct Common<A, B, T, U> {
    a: A,
    b: B,
    of_a: Option<T>,
    of_b: Option<U>,
}

impl<A, B, T, U> Common<A, B, T, U> {
    pub(super) const fn new(a: A, b: B) -> Self {
        Self { a, b, of_a: None, of_b: None }
    }
}

impl<A: Iterator, B: Iterator> Iterator for Common<A, B, A::Item, B::Item>
where
    A::Item: Span,
    B::Item: Span,
{
    type Item = A::Item;

    #[inline]
    fn next(&mut self) -> Option<A::Item> {
        loop {
            let of_a = self.of_a.take().or_else(|| self.a.next())?;
            let of_b = self.of_b.take().or_else(|| self.b.next())?;
            // The one that ends first is used up; the other may not be.
            if of_a.range().end() <= of_b.range().end() {
                self.of_b = Some(of_b);
            } else {
                self.of_a = Some(of_a);
            }
            if let Some(common) = of_a.range().intersect(of_b.range()) {
                return Some(of_a.with_range(common));
            }
        }
    }
}
