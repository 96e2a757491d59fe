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
///     "cannot allocate 1048576 bytes at a multiple of 64: the largest hole that would do is \
///      00150000-001fffff (720896 bytes), next to 00140000-0014ffff, reserved for initrd; \
///      of 1048576 bytes of memory, 65536 are reserved"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {request}: {failure}")]
pub struct AllocError {
    /// What was asked for.
    pub request: Request,
    /// Why it could not be had.
    #[source]
    pub failure: AllocFailure,
}

/// Why an allocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocFailure {
    /// The request is for 0 bytes. (Linux gives an address for it, behind the end of memory, and reserves
    /// nothing.)
    #[error("0 bytes are not a request")]
    ZeroSize,
    /// The alignment is no power of two. (Linux gives an address that is not aligned.)
    #[error("the alignment is not a power of two")]
    Alignment,
    /// Between the request's lowest address and its end, or the current limit, lies nothing.
    #[error("it allows no address: {min:#x} is the lowest, {end:#x} the first not allowed")]
    EmptyWindow {
        /// The lowest address allowed; at least that of page 1.
        min: u64,
        /// The first not allowed: the request's, or the current limit.
        end: u64,
    },
    /// No hole fits.
    #[error(transparent)]
    NoSpace(#[from] Shortage),
    /// A hole was found, and a table had no room to note it down.
    #[error(transparent)]
    Table(#[from] MemblockError),
}

/// The memory of a machine, seen by a request that found no hole in it: every byte is in `outside`, one of
/// the five sums of memory that may not be taken, `reserved`, or free in holes that are too small.
///
/// Sums are of the last search that was made, which is the one that gave up most
/// ([`Request::attempts`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortage {
    /// The largest free range that the request could have had with a smaller size, `None` if there is no
    /// byte for it.
    pub largest: Option<PhysRange>,
    /// The reservation at the end of that hole, or else at its start.
    pub blocked_by: Option<PhysRange>,
    /// Who asked for that reservation.
    pub blocked_by_owner: Option<&'static str>,
    /// All bytes of memory.
    pub memory: u64,
    /// Bytes of memory below the request's minimum, above its end or the current limit, and of page 0.
    pub outside: u64,
    /// Bytes inside that are of another node than the only one allowed.
    pub other_node: u64,
    /// Bytes inside that are hot-pluggable, while `movable_node` keeps the kernel off such memory.
    pub hotplug: u64,
    /// Bytes inside that are not in the direct map (NOMAP).
    pub nomap: u64,
    /// Bytes inside that a driver manages.
    pub driver_managed: u64,
    /// Bytes inside that are not scratch memory, in scratch-only mode.
    pub not_scratch: u64,
    /// Bytes inside that could be given, were they not reserved.
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
                write!(f, "the largest hole that would do is {largest} ({} bytes)", largest.size())?;
                if let Some(blocked_by) = self.blocked_by {
                    write!(f, ", next to {blocked_by}, reserved")?;
                    self.blocked_by_owner.map_or(Ok(()), |owner| write!(f, " for {owner}"))?;
                }
            }
            None => f.write_str("no byte is free for it")?,
        }
        write!(f, "; of {} bytes of memory, ", self.memory)?;
        let sums = [
            (self.outside, "lie outside the addresses allowed"),
            (self.other_node, "are of other nodes"),
            (self.hotplug, "are hot-pluggable, which movable_node spares"),
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
