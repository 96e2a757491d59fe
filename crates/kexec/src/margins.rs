//! How much more would fit: the largest initial ramdisk, and what limits it.

use crate::error::PlanError;

/// How much more would fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Margins {
    /// Size in bytes of the largest initial ramdisk that fits with everything else unchanged: whole pages, 0
    /// if not even one page fits.
    pub largest_initrd: u64,
    /// Why one more page does not fit; `None` if no size was refused.
    pub binds: Option<PlanError>,
}

impl Margins {
    /// Doubles the size until it is refused, then bisects: at most about 60 searches, each O(candidates).
    pub(crate) fn of(page: u64, place: impl Fn(u64) -> Result<(), PlanError>) -> Self {
        let mut fits = 0_u64;
        let mut refused = 1_u64;
        let mut binds = loop {
            let Some(size) = refused.checked_mul(page) else {
                return Self { largest_initrd: fits.saturating_mul(page), binds: None };
            };
            match place(size) {
                Ok(()) => fits = refused,
                Err(error) => break error,
            }
            let Some(doubled) = refused.checked_mul(2) else {
                return Self { largest_initrd: fits.saturating_mul(page), binds: None };
            };
            refused = doubled;
        };
        // The error that counts is the one for `fits` + 1 pages, not the first one seen.
        while refused - fits > 1 {
            let pages = fits + (refused - fits) / 2;
            match place(pages.saturating_mul(page)) {
                Ok(()) => fits = pages,
                Err(error) => {
                    refused = pages;
                    binds = error;
                }
            }
        }
        Self { largest_initrd: fits.saturating_mul(page), binds: Some(binds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(most: u64) -> impl Fn(u64) -> Result<(), PlanError> {
        move |size| if size > most { Err(PlanError::HalfOfRam { size, most }) } else { Ok(()) }
    }

    #[test]
    fn the_largest_that_fits_and_the_error_of_one_page_more_are_found() {
        for pages in [0, 1, 2, 3, 1000, 1023, 1024, 1025] {
            let margins = Margins::of(0x1000, up_to(pages * 0x1000));
            assert_eq!(margins.largest_initrd, pages * 0x1000);
            let most = pages * 0x1000;
            assert_eq!(margins.binds, Some(PlanError::HalfOfRam { size: most + 0x1000, most }));
        }
    }

    #[test]
    fn where_nothing_is_refused_nothing_binds() {
        let margins = Margins::of(0x1000, |_| Ok(()));
        assert!(margins.largest_initrd >= 1 << 63);
        assert_eq!(margins.binds, None);
    }
}
