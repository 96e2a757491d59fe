//! Growing an array, by Linux's rules: to twice the size, into free memory, and only when it is full.
//!
//! Linux's tests see where the new array lies, how large it is, and at which region it comes.

use memblock::{PhysRange, Request};

use super::fault::Fault;
use super::layout::Record;
use super::linux::{Kind, Linux};
use super::{address, config, fail, nid};

/// Doubles the array of a table, for a change of `range`.
///
/// The array takes whole pages of memory, from the end that allocations are served from. For the reserved
/// table, space above `range` comes first, then space below: what is about to be reserved or freed is no place
/// for it. Memory that is being removed is no place for any array.
///
/// Panics before `memblock_allow_resize`, as Linux does.
pub(super) fn grow(linux: &mut Linux<'_>, kind: Kind, range: PhysRange) -> Result<(), Fault> {
    let (count, max) = (linux.table(kind).count(), linux.table(kind).max());
    if !linux.state.can_resize {
        fail::fatal(format_args!(
            "memblock: cannot resize {} array: all of {max} places are needed for {count} regions and a change \
             of {range}, and memblock_allow_resize() has not been called",
            linux.table(kind).name(),
        ));
    }
    let doubled = max.checked_mul(2).ok_or(Fault::NoMemory)?;
    let Some(new) = place(linux, kind, range, bytes(doubled).ok_or(Fault::NoMemory)?) else {
        fail::say(format_args!(
            "memblock: failed to double {} array from {max} to {doubled} entries",
            linux.table(kind).name(),
        ));
        return Err(Fault::NoMemory);
    };
    // First of all: if another table has to grow for this, it must not take the same memory.
    if kind != Kind::Reserved {
        linux.reserve(Some(new))?;
    }
    let old = address::move_table(linux.table_mut(kind), new, doubled).ok_or(Fault::NoMemory)?;
    if kind == Kind::Reserved {
        linux.reserve(Some(new))?;
    }
    if linux.state.first_arrays.contains(&old) {
        return Ok(());
    }
    let old = bytes(max).and_then(|bytes| nid::range(address::of(old), bytes));
    linux.free(old)
}

/// Bytes of the pages that so many records take.
fn bytes(records: usize) -> Option<u64> {
    let bytes = u64::try_from(records.checked_mul(size_of::<Record>())?).ok()?;
    bytes.checked_next_multiple_of(config::PAGE_SIZE.bytes())
}

/// Where the array goes.
fn place(linux: &Linux<'_>, kind: Kind, range: PhysRange, size: u64) -> Option<PhysRange> {
    let limit = linux.public.current_limit;
    let pages = Request { align: config::PAGE_SIZE.bytes(), ..Request::new(size) };
    let anywhere = Request { max: Some(limit), ..pages };
    let above = Request { min: range.end(), ..anywhere };
    let below = Request { max: Some(limit.min(range.start())), ..pages };
    let requests: &[Request] = if kind == Kind::Reserved { &[above, below] } else { &[anywhere] };
    let settings = linux.search_settings();
    let found = requests.iter().find_map(|request| {
        request
            .attempts(&settings)
            .find_map(|attempt| linux.hole(&attempt, size, request.align, linux.leaving))
    });
    PhysRange::from_size(found?, size).ok()
}
