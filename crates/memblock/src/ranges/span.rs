//! What set algebra works on.

use crate::{PhysRange, Region};

/// Something at a range of addresses that can be cut to a part of it.
pub trait Span: Copy {
    /// The addresses.
    fn range(&self) -> PhysRange;

    /// The same item at other addresses.
    #[must_use]
    fn with_range(self, range: PhysRange) -> Self;
}

impl Span for PhysRange {
    fn range(&self) -> PhysRange {
        *self
    }

    fn with_range(self, range: PhysRange) -> Self {
        range
    }
}

impl Span for Region {
    fn range(&self) -> PhysRange {
        self.range
    }

    fn with_range(self, range: PhysRange) -> Self {
        Self { range, ..self }
    }
}
