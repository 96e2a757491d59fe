//! The names of `reserve_mem=` reservations.

use crate::PhysRange;

/// The most names there can be (`RESERVE_MEM_MAX_ENTRIES`).
pub(super) const MAX_ENTRIES: usize = 8;
/// The longest name in bytes: Linux's array of 16 needs one for the NUL.
pub(super) const MAX_NAME: usize = 15;

/// The reservations that have a name.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedReservations {
    entries: [Option<Named>; MAX_ENTRIES],
    /// Whether a name was ever taken. Usually none is, and freeing need not look.
    is_used: bool,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    name: [u8; MAX_NAME],
    len: usize,
    range: PhysRange,
    /// Some of the range has been freed or cut off. The name stays taken.
    is_gone: bool,
}

impl Named {
    fn new(name: &str, range: PhysRange) -> Self {
        let mut bytes = [0; MAX_NAME];
        bytes.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        Self { name: bytes, len: name.len(), range, is_gone: false }
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.get(..self.len) == Some(name.as_bytes())
    }
}

impl NamedReservations {
    pub(super) const fn new() -> Self {
        Self { entries: [None; MAX_ENTRIES], is_used: false }
    }

    /// Records that a range is freed.
    #[inline]
    pub(super) fn free(&mut self, range: PhysRange) {
        if self.is_used {
            self.note_freed(range);
        }
    }

    #[cold]
    fn note_freed(&mut self, range: PhysRange) {
        for named in self.entries.iter_mut().flatten() {
            named.is_gone |= named.range.overlaps(range);
        }
    }

    /// The range of a name, whether or not some of it was freed.
    pub(super) fn range_of(&self, name: &str) -> Option<PhysRange> {
        self.find(name).map(|named| named.range)
    }

    /// The range of a name, unless some of it was freed.
    pub(super) fn intact_range_of(&self, name: &str) -> Option<PhysRange> {
        self.find(name).filter(|named| !named.is_gone).map(|named| named.range)
    }

    fn find(&self, name: &str) -> Option<&Named> {
        self.entries.iter().flatten().find(|named| named.is_called(name))
    }

    /// Whether all names are taken.
    pub(super) fn is_full(&self) -> bool {
        self.entries.iter().all(Option::is_some)
    }

    /// Takes a name, unless all are taken.
    pub(super) fn insert(&mut self, name: &str, range: PhysRange) {
        if let Some(place) = self.entries.iter_mut().find(|place| place.is_none()) {
            *place = Some(Named::new(name, range));
            self.is_used = true;
        }
    }

    /// Makes a name free again.
    pub(super) fn forget(&mut self, name: &str) {
        for entry in &mut self.entries {
            *entry = entry.filter(|named| !named.is_called(name));
        }
    }
}
