//! Set algebra on sorted ranges: lazy, from either end, without memory.
//!
//! Each function takes iterators over sorted, disjoint ranges (touching is fine) and returns one. It walks
//! the inputs once, O(1) for each range of either; iterating from the back needs double-ended inputs. The
//! items may be [`Region`](crate::Region)s as well as [`PhysRange`]s: a piece keeps the node and attributes
//! it was cut from.
//!
//! For unsorted or overlapping input the ranges are unspecified, but nothing panics.
//!
//! ```
//! use memblock::{PhysRange, ranges};
//! let r = |start, end| PhysRange::new(start, end).unwrap();
//! let (ram, used) = ([r(0, 10), r(20, 30)], [r(4, 6), r(8, 22)]);
//! let free = ranges::difference(ram.into_iter(), used.into_iter());
//! assert!(free.clone().eq([r(0, 4), r(6, 8), r(22, 30)]));
//! assert!(free.rev().eq([r(22, 30), r(6, 8), r(0, 4)]));
//! ```

mod both_ends;
mod difference;
mod intersection;
mod span;
mod union;

pub use both_ends::{BothEnds, Mirrored};
pub use difference::Minus;
pub use intersection::Common;
pub use span::Span;
pub use union::Joined;

use crate::PhysRange;

/// The iterator from [`difference`].
pub type Difference<A, B> =
    BothEnds<Minus<A, B, <A as Iterator>::Item>, Minus<Mirrored<A>, Mirrored<B>, <A as Iterator>::Item>>;

/// The iterator from [`intersection`].
pub type Intersection<A, B> = BothEnds<
    Common<A, B, <A as Iterator>::Item, <B as Iterator>::Item>,
    Common<Mirrored<A>, Mirrored<B>, <A as Iterator>::Item, <B as Iterator>::Item>,
>;

/// The iterator from [`union`].
pub type Union<A, B> = BothEnds<Joined<A, B>, Joined<Mirrored<A>, Mirrored<B>>>;

/// What is in `a` but not in `b`: one piece for each gap of `b` in each range of `a`.
///
/// Pieces of two ranges of `a` are not joined where they touch (`__next_mem_range`, 6.12).
pub fn difference<A, B>(a: A, b: B) -> Difference<A, B>
where
    A: Iterator<Item: Span> + Clone,
    B: Iterator<Item: Span> + Clone,
{
    BothEnds::new(Minus::new(a.clone(), b.clone()), Minus::new(Mirrored(a), Mirrored(b)))
}

/// What is in both: one piece for each pair of overlapping ranges, with the attributes of `a`'s range.
///
/// ```
/// use memblock::{PhysRange, ranges};
/// let r = |start, end| PhysRange::new(start, end).unwrap();
/// let (a, b) = ([r(0, 10), r(20, 30)], [r(4, 6), r(8, 22)]);
/// assert!(ranges::intersection(a.into_iter(), b.into_iter()).eq([r(4, 6), r(8, 10), r(20, 22)]));
/// ```
pub fn intersection<A, B>(a: A, b: B) -> Intersection<A, B>
where
    A: Iterator<Item: Span> + Clone,
    B: Iterator<Item: Span> + Clone,
{
    BothEnds::new(Common::new(a.clone(), b.clone()), Common::new(Mirrored(a), Mirrored(b)))
}

/// What is in either, as maximal ranges: ranges that touch or overlap become one.
///
/// ```
/// use memblock::{PhysRange, ranges};
/// let r = |start, end| PhysRange::new(start, end).unwrap();
/// let (a, b) = ([r(0, 10), r(20, 30)], [r(10, 12), r(28, 40)]);
/// assert!(ranges::union(a.into_iter(), b.into_iter()).eq([r(0, 12), r(20, 40)]));
/// ```
pub fn union<A, B>(a: A, b: B) -> Union<A, B>
where
    A: Iterator<Item: Span> + Clone,
    B: Iterator<Item: Span> + Clone,
{
    BothEnds::new(Joined::new(a.clone(), b.clone()), Joined::new(Mirrored(a), Mirrored(b)))
}

/// `a` as maximal ranges: neighbors that touch are joined, whatever their attributes.
///
/// ```
/// use memblock::{PhysRange, ranges};
/// let r = |start, end| PhysRange::new(start, end).unwrap();
/// assert!(ranges::merged([r(0, 4), r(4, 8), r(9, 10)].into_iter()).eq([r(0, 8), r(9, 10)]));
/// ```
pub fn merged<A: Iterator<Item: Span> + Clone>(a: A) -> Union<A, core::iter::Empty<PhysRange>> {
    union(a, core::iter::empty())
}

#[cfg(test)]
mod tests;
