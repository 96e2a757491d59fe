//! The text of one `crashkernel=` value.

use crate::command_line::crashkernel::error::CrashkernelError as Error;
use crate::command_line::values::memparse::memparse;

/// A size and its required address; 0 for anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) base: u64,
}

/// The last value of a kind: with this suffix, or with none of the known suffixes.
pub(crate) fn find_last<'a>(line: &'a str, suffix: Option<&str>, known: &[&str]) -> Option<&'a str> {
    let value = |(at, name): (usize, &str)| {
        let value = line.get(at..)?.strip_prefix(name)?;
        Some(value.split_once(' ').map_or(value, |(value, _)| value))
    };
    let is_wanted = |value: &&str| match suffix {
        Some(suffix) => value.ends_with(suffix),
        None => !known.iter().any(|suffix| value.ends_with(suffix)),
    };
    line.match_indices("crashkernel=").filter_map(value).filter(is_wanted).last()
}

/// A value without suffix; it has ranges if it contains a colon.
pub(crate) fn parse_plain(value: &str, total_ram: u64) -> Result<Size, Error> {
    if value.contains(':') {
        return parse_ranges(value, total_ram);
    }
    let (bytes, rest) = memparse(value);
    if rest.len() == value.len() {
        return Err(Error::MemoryValue);
    }
    match rest.chars().next() {
        // Anything after the address is ignored, and a missing address is no error.
        Some('@') => Ok(Size { bytes, base: memparse(rest.get(1..).unwrap_or_default()).0 }),
        Some(other) => Err(Error::Unrecognized(other)),
        None => Ok(Size { bytes, base: 0 }),
    }
}

fn parse_ranges(value: &str, total_ram: u64) -> Result<Size, Error> {
    let total = rounded_total(total_ram);
    let mut rest = value;
    let bytes = loop {
        let (start, end, size);
        (start, rest) = size_at(rest)?;
        rest = rest.strip_prefix('-').ok_or(Error::Dash)?;
        if rest.starts_with(':') {
            end = u64::MAX;
        } else {
            (end, rest) = size_at(rest)?;
            if end <= start {
                return Err(Error::EndBeforeStart);
            }
        }
        rest = rest.strip_prefix(':').ok_or(Error::Colon)?;
        (size, rest) = size_at(rest)?;
        if u128::from(size) >= total {
            return Err(Error::InvalidSize);
        }
        if total >= u128::from(start) && total < u128::from(end) {
            break size;
        }
        let Some(next) = rest.strip_prefix(',') else {
            break 0;
        };
        rest = next;
    };
    if bytes == 0 {
        return Err(Error::Zero);
    }
    let base = match rest.split_once('@') {
        Some((_, address)) => size_at(address).map_err(|_| Error::Base)?.0,
        None => 0,
    };
    Ok(Size { bytes, base })
}

/// Total memory as ranges see it: rounded up to 128 MiB, because firmware keeps some for itself.
fn rounded_total(total_ram: u64) -> u128 {
    u128::from(total_ram).next_multiple_of(u128::from(128_u32 << 20))
}

fn size_at(text: &str) -> Result<(u64, &str), Error> {
    let (size, rest) = memparse(text);
    if rest.len() == text.len() { Err(Error::RangeValue) } else { Ok((size, rest)) }
}

/// The size in a value that ends in a suffix.
pub(crate) fn parse_suffixed(value: &str, suffix: &str) -> Result<u64, Error> {
    let (bytes, rest) = memparse(value);
    if rest.len() == value.len() {
        return Err(Error::MemoryValue);
    }
    let unrecognized = |text: &str| text.chars().next().map_or(Error::MemoryValue, Error::Unrecognized);
    match rest.strip_prefix(suffix) {
        Some("") => Ok(bytes),
        Some(trailing) => Err(unrecognized(trailing)),
        None => Err(unrecognized(rest)),
    }
}
