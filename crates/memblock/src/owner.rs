//! Who a reservation was made for.

/// The number of a name in [`Owners`], stored with each region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u16);

impl Owner {
    /// No owner given.
    pub(crate) const UNKNOWN: Self = Self(0);
    /// memblock itself, for its tables.
    pub(crate) const MEMBLOCK: Self = Self(1);

    #[inline]
    pub(crate) const fn number(self) -> u16 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_number(number: u16) -> Self {
        Self(number)
    }
}

/// Names that can be stored.
const NAMES: usize = 128;
/// The name of [`Owner::MEMBLOCK`].
const MEMBLOCK_TABLES: &str = "memblock tables";
/// The shared name of all owners that no longer fit.
const OTHERS: &str = "others";

/// The names that reservations were made for.
///
/// # Invariants
///
/// The names `1..=count` are set and distinct. The last place stands for all names that did not fit.
#[derive(Clone, Debug)]
pub(crate) struct Owners {
    names: [&'static str; NAMES],
    count: u16,
}

impl Owners {
    pub(crate) const fn new() -> Self {
        let mut names = [""; NAMES];
        names[Owner::MEMBLOCK.0 as usize] = MEMBLOCK_TABLES;
        names[NAMES - 1] = OTHERS;
        Self { names, count: Owner::MEMBLOCK.0 }
    }

    /// The number of a name; a new name gets a new number. O(names).
    pub(crate) fn number(&mut self, name: &'static str) -> Owner {
        let known = self.names.iter().zip(0_u16..=self.count);
        // Most callers pass the same constant again, so compare addresses before contents.
        if let Some((_, number)) = known.clone().skip(2).find(|(known, _)| core::ptr::eq(**known, name)) {
            return Owner(number);
        }
        if let Some((_, number)) = known.skip(2).find(|(known, _)| **known == name) {
            return Owner(number);
        }
        let next = self.count + 1;
        match self.names.get_mut(usize::from(next)) {
            Some(place) if usize::from(next) < NAMES - 1 => {
                *place = name;
                self.count = next;
                Owner(next)
            }
            #[allow(clippy::cast_possible_truncation)]
            _ => Owner(NAMES as u16 - 1),
        }
    }

    /// Number of names, including memblock's own.
    pub(crate) const fn count(&self) -> u16 {
        self.count
    }

    /// Forgets all names after the first `count`.
    pub(crate) const fn truncate(&mut self, count: u16) {
        self.count = count;
    }

    /// The name for a number, `None` for [`Owner::UNKNOWN`].
    pub(crate) fn name(&self, owner: Owner) -> Option<&'static str> {
        if owner == Owner::UNKNOWN { None } else { self.names.get(usize::from(owner.0)).copied() }
    }
}

impl Default for Owners {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_until_the_last_place_and_are_called_others_after_that() {
        let mut owners = Owners::new();
        let names: std::vec::Vec<&'static str> =
            (0..200).map(|number| &*std::format!("owner {number}").leak()).collect();
        for (at, name) in names.iter().enumerate() {
            let owner = owners.number(name);
            let expected = if at < NAMES - 3 { name } else { OTHERS };
            assert_eq!(owners.name(owner), Some(expected));
            assert_eq!(owners.number(std::string::String::from(*name).leak()), owner);
        }
        assert_eq!(owners.name(Owner::UNKNOWN), None);
    }

    #[test]
    fn nobody_can_pass_for_memblock_itself() {
        let mut owners = Owners::new();
        assert_ne!(owners.number(MEMBLOCK_TABLES), Owner::MEMBLOCK);
    }
}
