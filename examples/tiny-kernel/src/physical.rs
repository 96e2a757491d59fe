//! Physical memory: first to be read as the firmware left it, then the kernel's own to write.
//!
//! The two never mix. While [`Untouched`] exists, nobody writes; [`Ours`], through which all writing goes, is
//! made by giving the `Untouched` up.
#![allow(unsafe_code)]
// Both types hold nothing: having one is the right to do what its methods do.
#![allow(clippy::unused_self)]

use core::ptr::{self, NonNull};

use memblock::{DirectMap, Memblock, PhysRange};

use crate::image;

/// The end of what `entry.s` maps: every address below, to itself.
pub(crate) const END: u64 = 512 << 30;

/// The kernel's image is not reserved, so memblock would hand it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel itself is not reserved")]
pub(crate) struct ImageNotReserved;

/// Where the kernel sees `range`; `None` for address 0, which Rust keeps for null, and for what is not
/// mapped.
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
    /// 3. There is one at a time, and none is made when it is gone.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }

    /// The bytes of `range`; `None` for what [`pointer`] does not give, and for the kernel's image.
    ///
    /// Firmware may point to where no memory is. Nothing bad comes of that: the bus reads as ones.
    pub(crate) fn bytes(&self, range: PhysRange) -> Option<&[u8]> {
        let is_own = image::range().ok()?.overlaps(range);
        let start = pointer(range).filter(|_| !is_own)?;
        let len = usize::try_from(range.size()).ok()?;
        // SAFETY:
        // 1. `pointer` gives only what is mapped; that is less than `isize::MAX` bytes.
        // 2. Every byte is a `u8`.
        // 3. Nobody writes outside the image as long as `self` exists, from which the slice is borrowed.
        Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), len) })
    }

    /// Ends the reading and begins the writing: memblock's tables may grow, and free memory may be handed
    /// out.
    ///
    /// # Errors
    ///
    /// When the kernel's image is not reserved: it would be handed out as well.
    pub(crate) fn take_over(self, memblock: &mut Memblock<'static>) -> Result<Ours, ImageNotReserved> {
        if !image::range().is_ok_and(|image| memblock.reserved().covers(image)) {
            return Err(ImageNotReserved);
        }
        // SAFETY:
        // 1. `pointer` gives an address that is mapped to itself, for ever, or none.
        // 2. What memblock takes, it takes of free memory. Of all that is in use, the image alone lies in
        //    memory that the map calls RAM; it is reserved, and nobody frees it. What the loader left is read
        //    no more, for there is no `Untouched` any more.
        // 3. Different addresses are different memory.
        memblock.allow_growth(unsafe { DirectMap::new(&pointer) });
        Ok(Ours(()))
    }
}

/// Memory outside the kernel's image: the kernel's to write where memblock calls it free.
pub(crate) struct Ours(());

impl Ours {
    /// Where the kernel sees `range`, see [`pointer`].
    pub(crate) fn pointer(&self, range: PhysRange) -> Option<NonNull<u8>> {
        pointer(range)
    }
}
