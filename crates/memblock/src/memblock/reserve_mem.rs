//! Memory reserved by name: the boot parameter `reserve_mem=`.

use super::Memblock;
use super::named::{MAX_ENTRIES, MAX_NAME};
use crate::{AllocError, MemblockError, PhysRange, Request};

/// The boot parameter `reserve_mem=SIZE:ALIGN:NAME`, for example `reserve_mem=20M:2M:trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReserveMem<'a> {
    /// Bytes, at least 1.
    pub size: u64,
    /// Alignment of the address; at least a cache line is used.
    pub align: u64,
    /// The name to find the memory by: 1 to 15 bytes, not all blank.
    pub name: &'a str,
}

/// Why memory was not reserved by name. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveMemError {
    /// The parameter is not `SIZE:ALIGN:NAME`.
    #[error("reserve_mem=: expected SIZE:ALIGN:NAME, found something else at byte {at}")]
    Syntax {
        /// Offset in the parameter's value.
        at: usize,
    },
    /// The size is 0.
    #[error("reserve_mem=: the size is 0")]
    ZeroSize,
    /// The name is empty, blank, or longer than 15 bytes.
    #[error("reserve_mem=: a name has 1 to {MAX_NAME} bytes, not all of them blank")]
    Name,
    /// The name is taken.
    #[error("reserve_mem=: the name is taken by {range}")]
    NameTaken {
        /// The memory reserved by that name.
        range: PhysRange,
    },
    /// Eight names are taken.
    #[error("reserve_mem=: all {MAX_ENTRIES} names are taken")]
    TooMany,
    /// There is no memory to reserve.
    #[error("reserve_mem=: {0}")]
    Alloc(#[from] AllocError),
    /// The reservation could not be freed.
    #[error("reserve_mem=: {0}")]
    Table(#[from] MemblockError),
}

impl<'a> ReserveMem<'a> {
    /// Parses the parameter's value. Sizes are decimal, octal after `0` or hexadecimal after `0x`, and may
    /// end in K, M, G, T, P or E, in either case (`memparse`).
    ///
    /// # Errors
    ///
    /// [`ReserveMemError::Syntax`], [`ReserveMemError::ZeroSize`] and [`ReserveMemError::Name`].
    ///
    /// ```
    /// use memblock::{ReserveMem, ReserveMemError};
    /// let parameter = ReserveMem::parse("0x10k:4096:oops")?;
    /// assert_eq!(parameter, ReserveMem { size: 0x4000, align: 4096, name: "oops" });
    /// assert_eq!(ReserveMem::parse("20M,4096:oops"), Err(ReserveMemError::Syntax { at: 3 }));
    /// # Ok::<(), ReserveMemError>(())
    /// ```
    pub fn parse(value: &'a str) -> Result<Self, ReserveMemError> {
        let expect_colon = |rest: &'a str| {
            let at = value.len() - rest.len();
            rest.strip_prefix(':').ok_or(ReserveMemError::Syntax { at })
        };
        let (size, rest) = memparse(value).ok_or(ReserveMemError::Syntax { at: 0 })?;
        if size == 0 {
            return Err(ReserveMemError::ZeroSize);
        }
        let rest = expect_colon(rest)?;
        let at = value.len() - rest.len();
        let (align, rest) = memparse(rest).ok_or(ReserveMemError::Syntax { at })?;
        let name = expect_colon(rest)?;
        check_name(name)?;
        Ok(Self { size, align, name })
    }
}

fn check_name(name: &str) -> Result<(), ReserveMemError> {
    let is_blank = name.bytes().all(|byte| byte.is_ascii_whitespace() || byte == b'\x0b');
    if is_blank || name.len() > MAX_NAME { Err(ReserveMemError::Name) } else { Ok(()) }
}

/// A number at the start of `text`, and the rest of it. `None` without a digit, or for a number that does not
/// fit, which Linux wraps modulo 2^64.
fn memparse(text: &str) -> Option<(u64, &str)> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let hexadecimal = hexadecimal.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (number, rest) = digits.split_at_checked(end)?;
    let number = u64::from_str_radix(number, radix).ok()?;
    let suffixes = ['k', 'm', 'g', 't', 'p', 'e'].into_iter().zip((10_u32..).step_by(10));
    let shift = rest.chars().next().and_then(|suffix| {
        suffixes.clone().find(|(letter, _)| letter.eq_ignore_ascii_case(&suffix)).map(|(_, shift)| shift)
    });
    match shift {
        Some(shift) => Some((number.checked_mul(1 << shift)?, rest.get(1..)?)),
        None => Some((number, rest)),
    }
}

impl Memblock<'_> {
    /// Reserves memory that anybody can look up by its name, now or after the hand-over (`reserve_mem`,
    /// 6.12).
    ///
    /// # Errors
    ///
    /// Any [`ReserveMemError`] except [`Syntax`](ReserveMemError::Syntax); nothing is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, ReserveMem};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x100_0000)?)?;
    /// let range = memblock.reserve_mem(&ReserveMem::parse("2M:4096:trace")?)?;
    /// assert_eq!(memblock.reserve_mem_find_by_name("trace"), Some(range));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_mem(&mut self, parameter: &ReserveMem<'_>) -> Result<PhysRange, ReserveMemError> {
        let ReserveMem { size, align, name } = *parameter;
        check_name(name)?;
        if size == 0 {
            return Err(ReserveMemError::ZeroSize);
        }
        if let Some(range) = self.named.range_of(name) {
            return Err(ReserveMemError::NameTaken { range });
        }
        if self.named.is_full() {
            return Err(ReserveMemError::TooMany);
        }
        let align = align.max(Request::CACHE_LINE);
        let range = self.alloc(&Request { align, tag: Some("reserve_mem="), ..Request::new(size) })?;
        self.named.insert(name, range);
        Ok(range)
    }

    /// The memory that was reserved by a name (`reserve_mem_find_by_name`, 6.12). As in Linux, the name stays
    /// when the memory is freed by its range or cut off.
    pub fn reserve_mem_find_by_name(&self, name: &str) -> Option<PhysRange> {
        self.named.range_of(name)
    }

    /// Frees the memory that was reserved by a name, and the name (`reserve_mem_release_by_name`, later than
    /// 6.12). Returns its range; `None` if there is no such name, or if the memory was already freed and may
    /// be in use by somebody else.
    ///
    /// # Errors
    ///
    /// As [`Memblock::free`]; nothing is changed.
    ///
    /// ```
    /// use memblock::{Memblock, PhysRange, ReserveMem};
    /// let mut memblock = Memblock::new();
    /// memblock.add(PhysRange::new(0x10_0000, 0x100_0000)?)?;
    /// let range = memblock.reserve_mem(&ReserveMem { size: 0x1000, align: 0, name: "log" })?;
    /// assert_eq!(memblock.reserve_mem_release_by_name("log")?, Some(range));
    /// assert!(memblock.reserved().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_mem_release_by_name(&mut self, name: &str) -> Result<Option<PhysRange>, MemblockError> {
        let range = self.named.intact_range_of(name);
        if let Some(range) = range {
            self.free(range)?;
        }
        self.named.forget(name);
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn memblock() -> Memblock<'static> {
        let mut memblock = Memblock::new();
        memblock.add(PhysRange::new(0x10_0000, 0x100_0000).unwrap()).unwrap();
        memblock
    }

    #[test]
    fn numbers_are_parsed_like_memparse() {
        for (text, expected) in [
            ("12M:", Some((12 << 20, ":"))),
            ("010", Some((8, ""))),
            ("0x1fg", Some((0x1f << 30, ""))),
            ("0", Some((0, ""))),
            ("0x", Some((0, "x"))),
            ("16E", None),
            ("k", None),
            ("", None),
            ("4\u{e9}", Some((4, "\u{e9}"))),
        ] {
            assert_eq!(memparse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_refused_with_its_position() {
        for (value, expected) in [
            ("", ReserveMemError::Syntax { at: 0 }),
            ("4K", ReserveMemError::Syntax { at: 2 }),
            ("4K:x:y", ReserveMemError::Syntax { at: 3 }),
            ("4K:64", ReserveMemError::Syntax { at: 5 }),
            ("0:64:y", ReserveMemError::ZeroSize),
            ("4K:64:", ReserveMemError::Name),
            ("4K:64: \t", ReserveMemError::Name),
            ("4K:64:sixteen-bytes-xx", ReserveMemError::Name),
        ] {
            assert_eq!(ReserveMem::parse(value), Err(expected), "{value:?}");
        }
    }

    #[test]
    fn releasing_a_name_does_not_free_what_others_have_reserved_since() {
        let freed = |free: fn(&mut Memblock<'static>, PhysRange)| {
            let mut memblock = memblock();
            let range = memblock.reserve_mem(&ReserveMem { size: 0x1000, align: 0, name: "log" }).unwrap();
            free(&mut memblock, range);
            memblock.reserve(range).unwrap();
            assert_eq!(memblock.reserve_mem_release_by_name("log"), Ok(None));
            assert!(memblock.reserved().covers(range));
        };
        freed(|memblock, range| assert!(memblock.free(range).is_ok()));
        freed(|memblock, _| assert!(memblock.mem_limit_remove_map(0x1000).is_ok()));
        freed(|memblock, _| assert!(memblock.enforce_memory_limit(0x1000).is_ok()));
    }

    #[test]
    fn a_name_can_be_taken_once_and_a_ninth_does_not_fit() {
        let mut memblock = memblock();
        let names: std::vec::Vec<_> = (0..9).map(|number| format!("name {number}")).collect();
        let parameter = |name| ReserveMem { size: 64, align: 0, name };
        let first = memblock.reserve_mem(&parameter(&names[0])).unwrap();
        let again = memblock.reserve_mem(&parameter(&names[0]));
        assert_eq!(again, Err(ReserveMemError::NameTaken { range: first }));
        for name in &names[1..8] {
            memblock.reserve_mem(&parameter(name)).unwrap();
        }
        assert_eq!(memblock.reserve_mem(&parameter(&names[8])), Err(ReserveMemError::TooMany));
        memblock.reserve_mem_release_by_name(&names[3]).unwrap();
        assert_eq!(memblock.reserve_mem_find_by_name(&names[3]), None);
        memblock.reserve_mem(&parameter(&names[8])).unwrap();
    }
}
