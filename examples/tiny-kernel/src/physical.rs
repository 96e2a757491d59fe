//! Physical memory: first read-only, as the firmware left it, then writable by the kernel.
//!
//! The two phases never mix. While [`Untouched`] exists, nobody writes. All writing goes through [`Ours`],
//! and creating that consumes the `Untouched`.
#![allow(unsafe_code)]
// Both types are empty: holding one is the permission to call its methods.
#![allow(clippy::unused_self)]

use core::ptr::{self, NonNull};

use memblock::{DirectMap, Memblock, PhysRange};

use crate::image;

/// The end of the memory that `entry.s` identity-maps.
pub(crate) const END: u64 = 512 << 30;

/// The kernel's image is not reserved, so memblock would hand it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel itself is not reserved")]
pub(crate) struct ImageNotReserved;

/// The kernel's pointer to `range`; `None` for address 0, which is null in Rust, and for unmapped memory.
fn pointer(range: PhysRange) -> Option<NonNull<u8>> {
    let address = usize::try_from(range.start()).ok().filter(|_| range.end() <= END)?;
    NonNull::new(ptr::with_exposed_provenance_mut(address))
}

/// Memory outside the kernel's image, as the loader and the firmware left it.
pub(crate) struct Untouched(());

impl Untouched {
    /// # Safety
    ///
    /// 1. `entry.s` has mapped memory.
    /// 2. While the value exists, nobody writes outside the kernel's image.
    /// 3. Only one is ever created.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }

    /// The bytes of `range`; `None` if [`pointer`] returns none, and for the kernel's image.
    ///
    /// Firmware may point to addresses without memory. That is harmless: they read as ones.
    pub(crate) fn bytes(&self, range: PhysRange) -> Option<&[u8]> {
        let is_own = image::range().ok()?.overlaps(range);
        let start = pointer(range).filter(|_| !is_own)?;
        let len = usize::try_from(range.size()).ok()?;
        // SAFETY:
        // 1. `pointer` returns only mapped memory, which is less than `isize::MAX` bytes.
        // 2. Every byte is a valid `u8`.
        // 3. Nobody writes outside the image as long as `self` exists, and the slice borrows from it.
        Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), len) })
    }

    /// Ends the read-only phase: from now on memblock's tables may grow, and free memory may be handed out.
    ///
    /// # Errors
    ///
    /// If the kernel's image is not reserved: it would be handed out too.
    pub(crate) fn take_over(self, memblock: &mut Memblock<'static>) -> Result<Ours, ImageNotReserved> {
        if !image::range().is_ok_and(|image| memblock.reserved().covers(image)) {
            return Err(ImageNotReserved);
        }
        // SAFETY:
        // 1. `pointer` returns an address that is mapped to itself, forever, or none.
        // 2. Memblock only takes free memory. The only RAM in use is the image, which is reserved, and nobody
        //    frees it. Data from the loader is no longer read, because the `Untouched` is gone.
        // 3. Different addresses are different memory.
        memblock.allow_growth(unsafe { DirectMap::new(&pointer) });
        Ok(Ours(()))
    }
}

/// Memory outside the kernel's image, which the kernel may write where memblock says it is free.
pub(crate) struct Ours(());

impl Ours {
    /// The kernel's pointer to `range`, see [`pointer`].
    pub(crate) fn pointer(&self, range: PhysRange) -> Option<NonNull<u8>> {
        pointer(range)
    }
}
