//! Reading one message of a kernel log from the left.

use memblock::{NodeId, PhysRange, RangeError};

use super::error::LogError;
use super::line::split_at_byte;

/// Reads one message from the left. Each step consumes what it expects, or returns an error that says what
/// that was.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    line: usize,
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(message: &'a [u8], line: usize, what: &'static str) -> Self {
        Self { rest: message, line, what }
    }

    pub(super) fn malformed(&self, expected: &'static str) -> LogError {
        LogError::Malformed { line: self.line, what: self.what, expected }
    }

    /// Consumes `text` if it comes next.
    pub(super) fn skip(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text.as_bytes()) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn expect(&mut self, text: &'static str) -> Result<(), LogError> {
        if self.skip(text) { Ok(()) } else { Err(self.malformed(text)) }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// The unread rest.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The line must end here, except for blanks.
    pub(super) fn end(&self) -> Result<(), LogError> {
        if self.rest.trim_ascii().is_empty() { Ok(()) } else { Err(self.malformed("end of line")) }
    }

    /// Everything up to `byte`, which is consumed too.
    pub(super) fn until(&mut self, byte: u8, expected: &'static str) -> Result<&'a [u8], LogError> {
        let (before, rest) = split_at_byte(self.rest, byte).ok_or_else(|| self.malformed(expected))?;
        self.rest = rest;
        Ok(before)
    }

    fn digits(&mut self, radix: u32, expected: &'static str) -> Result<u64, LogError> {
        let mut value: u64 = 0;
        let mut rest = self.rest;
        while let Some((byte, after)) = rest.split_first()
            && let Some(digit) = char::from(*byte).to_digit(radix)
        {
            value = value
                .checked_mul(u64::from(radix))
                .and_then(|value| value.checked_add(u64::from(digit)))
                .ok_or_else(|| self.malformed("a number of at most 64 bits"))?;
            rest = after;
        }
        if rest.len() == self.rest.len() {
            return Err(self.malformed(expected));
        }
        self.rest = rest;
        Ok(value)
    }

    /// A decimal number of at most 32 bits.
    pub(super) fn decimal(&mut self) -> Result<u32, LogError> {
        let value = self.digits(10, "a decimal number")?;
        u32::try_from(value).map_err(|_| self.malformed("a number of at most 32 bits"))
    }

    /// A decimal number of at most 64 bits.
    pub(super) fn long_decimal(&mut self) -> Result<u64, LogError> {
        self.digits(10, "a decimal number")
    }

    /// A hexadecimal number with its `0x`.
    pub(super) fn hex(&mut self) -> Result<u64, LogError> {
        self.expect("0x")?;
        self.digits(16, "a hexadecimal number")
    }

    /// A hexadecimal number of at most 64 bits without `0x`, as kernels before 3.5 print addresses.
    pub(super) fn long_bare_hex(&mut self) -> Result<u64, LogError> {
        self.digits(16, "a hexadecimal number")
    }

    /// The range of two numbers of which the second is excluded, once the line has been read to its end.
    pub(super) fn half_open(&self, (start, end): (u64, u64)) -> Result<PhysRange, LogError> {
        PhysRange::new(start, end).map_err(|source| self.no_range(source))
    }

    /// A hexadecimal number of at most 32 bits without `0x`.
    pub(super) fn bare_hex(&mut self) -> Result<u32, LogError> {
        let value = self.digits(16, "a hexadecimal number")?;
        u32::try_from(value).map_err(|_| self.malformed("a number of at most 32 bits"))
    }

    /// A node number; -1 means none.
    pub(super) fn node(&mut self) -> Result<Option<NodeId>, LogError> {
        if self.skip("-1") {
            return Ok(None);
        }
        let node = NodeId::new(self.decimal()?);
        node.map(Some).ok_or_else(|| self.malformed("a node number"))
    }

    /// The function at the end of the line: `setup_arch+0x5a/0x1280`. Empty if there is none.
    pub(super) fn caller(&self) -> &'a [u8] {
        match self.rest.rsplit(|byte| *byte == b' ').next() {
            Some(word) if word.contains(&b'+') => word,
            _ => &[],
        }
    }

    /// `0x<start>-0x<last>`, both included, as two numbers.
    pub(super) fn bounds(&mut self) -> Result<(u64, u64), LogError> {
        let start = self.hex()?;
        self.expect("-")?;
        Ok((start, self.hex()?))
    }

    /// Converts the numbers of `0x<start>-0x<last>` to a range, once the line has been read to its end.
    pub(super) fn range(&self, (start, last): (u64, u64)) -> Result<PhysRange, LogError> {
        let range = match last.checked_add(1) {
            // A size of 0 is printed as a last byte before the first.
            Some(end) if end == start => Err(RangeError::Empty { start }),
            _ => PhysRange::from_inclusive(start, last),
        };
        range.map_err(|source| self.no_range(source))
    }

    /// The same for a start and a size.
    pub(super) fn sized_range(&self, start: u64, size: u64) -> Result<PhysRange, LogError> {
        PhysRange::from_size(start, size).map_err(|source| self.no_range(source))
    }

    fn no_range(&self, source: RangeError) -> LogError {
        LogError::Range { line: self.line, what: self.what, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wider_than_64_bits_are_refused() {
        let mut cursor = Cursor::new(b"0x10000000000000000", 1, "test");
        assert!(matches!(cursor.hex(), Err(LogError::Malformed { line: 1, .. })));
    }

    #[test]
    fn a_node_is_a_number_or_none() {
        let node = |text: &'static str| Cursor::new(text.as_bytes(), 1, "test").node();
        assert_eq!(node("-1"), Ok(None));
        assert_eq!(node("7"), Ok(NodeId::new(7)));
        assert!(node("-2").is_err() && node("2147483647").is_err());
    }
}
