//! Memory reserved by name.

use memblock::{AllocFailure, PhysRange, RegionFlags, Request, ReserveMem, ReserveMemError};

use crate::machine::{Growth, Machine, hold};
use crate::model;

/// The most names there can be.
const NAMES: usize = 8;
/// The owner of those reservations.
const OWNER: &str = "reserve_mem=";

/// A reservation by name.
#[derive(Debug)]
pub struct Named {
    name: String,
    range: PhysRange,
    /// Part of it was freed by address, and may belong to somebody else.
    is_gone: bool,
}

/// A range was freed by address.
pub fn note_freed(machine: &mut Machine<'_>, range: PhysRange) {
    for named in &mut machine.named {
        named.is_gone |= named.range.overlaps(range);
    }
}

/// Parses the parameter, cut at the first byte that is not text, and makes the reservation.
pub fn parse_and_reserve(machine: &mut Machine<'_>, bytes: &[u8]) {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    match ReserveMem::parse(text) {
        Ok(parameter) => {
            let ReserveMem { size, align, name } = parameter;
            hold!(machine, size > 0 && text.ends_with(&format!(":{name}")), "{parameter:?} of {text:?}");
            for again in [format!("{size}:{align}:{name}"), format!("{size:#x}:0{align:o}:{name}")] {
                hold!(machine, ReserveMem::parse(&again) == Ok(parameter), "{again:?} reads otherwise");
            }
            reserve(machine, size, align, name);
        }
        Err(error) => {
            let is_of_text = match error {
                ReserveMemError::Syntax { at } => text.is_char_boundary(at),
                ReserveMemError::ZeroSize | ReserveMemError::Name => true,
                _ => false,
            };
            hold!(machine, is_of_text, "{error:?} of {text:?}");
            machine.unchanged();
        }
    }
}

/// Reserves by name.
pub fn reserve(machine: &mut Machine<'_>, size: u64, align: u64, name: &str) {
    let request =
        Request { align: align.max(Request::CACHE_LINE), tag: Some(OWNER), ..Request::new(size.max(1)) };
    let found = machine.memblock.find(&request);
    let result = machine.memblock.reserve_mem(&ReserveMem { size, align, name });
    let is_blank = name.bytes().all(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
    let taken = machine.named.iter().find(|named| named.name == name).map(|named| named.range);
    let fits = match &result {
        Ok(range) => found == Ok(*range),
        Err(ReserveMemError::Name) => is_blank || name.len() > 15,
        Err(ReserveMemError::ZeroSize) => size == 0,
        Err(ReserveMemError::NameTaken { range }) => taken == Some(*range),
        Err(ReserveMemError::TooMany) => machine.named.len() == NAMES,
        Err(ReserveMemError::Alloc(error)) => {
            matches!(error.failure, AllocFailure::Table(_)) || found.as_ref() == Err(error)
        }
        Err(_) => false,
    };
    hold!(machine, fits, "{result:?}, found {found:?}");
    let is_refused =
        is_blank || name.len() > 15 || size == 0 || taken.is_some() || machine.named.len() == NAMES;
    hold!(machine, !is_refused || result.is_err(), "{result:?}");
    let flags = if machine.settings.kern_accounting { RegionFlags::RSRV_KERN } else { RegionFlags::empty() };
    let range = result.as_ref().ok().copied();
    let growth = range.map_or(Growth::None, Growth::Before);
    let given = machine.settle(growth, result, |tables| {
        range.iter().for_each(|range| model::add(&mut tables.reserved, *range, (None, flags, Some(OWNER))));
    });
    machine.named.extend(given.map(|range| Named { name: name.to_owned(), range, is_gone: false }));
    check_names(machine);
}

/// Frees by name; memory that is already gone only loses the name.
pub fn release(machine: &mut Machine<'_>, name: &str) {
    let known = machine.named.iter().position(|named| named.name == name);
    let range = known.map(|at| &machine.named[at]).filter(|named| !named.is_gone).map(|named| named.range);
    let result = machine.memblock.reserve_mem_release_by_name(name);
    let fits = result.as_ref().map_or(true, |released| *released == range);
    hold!(machine, fits, "{result:?} was released, {range:?} is known");
    machine.check_in_use(&result, false);
    let released = machine.settle(Growth::After, result, |tables| {
        range.iter().for_each(|range| model::remove(&mut tables.reserved, *range));
    });
    if let (Some(at), Some(_)) = (known, released) {
        machine.named.remove(at);
    }
    check_names(machine);
}

fn check_names(machine: &Machine<'_>) {
    for Named { name, range, .. } in &machine.named {
        let found = machine.memblock.reserve_mem_find_by_name(name);
        hold!(machine, found == Some(*range), "{name} finds {found:?}");
    }
}
