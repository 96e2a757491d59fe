//! Why an allocation failed.

use core::fmt;

use crate::{MemblockError, PhysRange, Request};

/// An allocation that failed. Nothing was changed.
///
/// ```
/// use memblock::{AllocFailure, Memblock, PhysRange, Request};
/// let mut memblock = Memblock::new();
/// memblock.add(PhysRange::new(0x10_0000, 0x20_0000)?)?;
/// memblock.reserve_for(PhysRange::new(0x14_0000, 0x15_0000)?, "initrd")?;
/// let error = memblock.alloc(&Request::new(0x10_0000)).unwrap_err();
/// let AllocFailure::NoSpace(shortage) = error.failure else { panic!() };
/// assert_eq!(shortage.largest, Some(PhysRange::new(0x15_0000, 0x20_0000)?));
/// assert_eq!((shortage.memory, shortage.reserved), (0x10_0000, 0x1_0000));
/// assert_eq!(
///     error.to_string(),
///     "cannot allocate 1048576 bytes at a multiple of 64: the largest suitable hole is \
///      00150000-001fffff (720896 bytes), next to 00140000-0014ffff, reserved for initrd; \
///      of 1048576 bytes of memory, 65536 are reserved"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {request}: {failure}")]
pub struct AllocError {
    /// The request.
    pub request: Request,
    /// Why it failed.
    #[source]
    pub failure: AllocFailure,
}

/// Why an allocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocFailure {
    /// The request is for 0 bytes. (Linux returns an address past the end of memory, and reserves nothing.)
    #[error("the size is 0")]
    ZeroSize,
    /// The alignment is not a power of two. (Linux returns an address that is not aligned.)
    #[error("the alignment is not a power of two")]
    Alignment,
    /// There is nothing between the request's lowest address and its end or the current limit.
    #[error("no address is allowed: {min:#x} is the lowest, {end:#x} the first not allowed")]
    EmptyWindow {
        /// The lowest address allowed; at least that of page 1.
        min: u64,
        /// The first address not allowed: the request's, or the current limit.
        end: u64,
    },
    /// No hole fits.
    #[error(transparent)]
    NoSpace(#[from] Shortage),
    /// A hole was found, but the table had no room to record it.
    #[error(transparent)]
    Table(#[from] MemblockError),
}

/// The memory of a machine, as seen by a request that found no hole. Every byte is counted in `outside`, in
/// one of the five sums of memory that may not be used, or in `reserved`; or it is free in a hole that is too
/// small.
///
/// The sums are those of the last search, the one that gave up most ([`Request::attempts`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortage {
    /// The largest free range for a smaller request of this kind; `None` if there is not even a byte.
    pub largest: Option<PhysRange>,
    /// The reservation at the end of that hole, or otherwise at its start.
    pub blocked_by: Option<PhysRange>,
    /// The owner of that reservation.
    pub blocked_by_owner: Option<&'static str>,
    /// All bytes of memory.
    pub memory: u64,
    /// Bytes of memory below the request's minimum, above its end or the current limit, or in page 0.
    pub outside: u64,
    /// Bytes inside on a node other than the one required.
    pub other_node: u64,
    /// Bytes inside that are hot-pluggable, while `movable_node` keeps the kernel off such memory.
    pub hotplug: u64,
    /// Bytes inside that are not in the direct map (NOMAP).
    pub nomap: u64,
    /// Bytes inside that a driver manages.
    pub driver_managed: u64,
    /// Bytes inside that are not scratch memory, in scratch-only mode.
    pub not_scratch: u64,
    /// Bytes inside that could be allocated if they were not reserved.
    pub reserved: u64,
}

impl core::error::Error for Shortage {}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.memory == 0 {
            return f.write_str("there is no memory");
        }
        match self.largest {
            Some(largest) => {
                write!(f, "the largest suitable hole is {largest} ({} bytes)", largest.size())?;
                if let Some(blocked_by) = self.blocked_by {
                    write!(f, ", next to {blocked_by}, reserved")?;
                    self.blocked_by_owner.map_or(Ok(()), |owner| write!(f, " for {owner}"))?;
                }
            }
            None => f.write_str("no suitable byte is free")?,
        }
        write!(f, "; of {} bytes of memory, ", self.memory)?;
        let sums = [
            (self.outside, "lie outside the allowed addresses"),
            (self.other_node, "are of other nodes"),
            (self.hotplug, "are hot-pluggable, which movable_node avoids"),
            (self.nomap, "are not mapped (NOMAP)"),
            (self.driver_managed, "are managed by a driver"),
            (self.not_scratch, "are not scratch memory"),
            (self.reserved, "are reserved"),
        ];
        let mut said = sums.into_iter().filter(|(bytes, _)| *bytes > 0);
        let Some((bytes, what)) = said.next() else { return f.write_str("none is reserved") };
        write!(f, "{bytes} {what}")?;
        said.try_for_each(|(bytes, what)| write!(f, ", {bytes} {what}"))
    }
}
