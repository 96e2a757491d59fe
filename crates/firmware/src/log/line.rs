//! The lines of a kernel log without their prefixes, and a cursor to read one with.

use memblock::{PhysRange, RangeError};

use super::LogError;

/// The lines of `text`: 1-based number and message, priority, time stamp and caller stripped.
///
/// ```
/// let text = b"<6>[    0.000000] BIOS-provided physical RAM map:\n[    1.5][    T1] NUMA: off\r\nplain";
/// let lines: Vec<_> = firmware::log::lines(text).collect();
/// assert_eq!(lines[0], (1, &b"BIOS-provided physical RAM map:"[..]));
/// assert_eq!(lines[1], (2, &b"NUMA: off"[..]));
/// assert_eq!(lines[2], (3, &b"plain"[..]));
/// ```
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text, number: 0 }
}

/// Iterator over the lines of a kernel log, from [`lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = split_at_byte(self.rest, b'\n').unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some((self.number, message(line.strip_suffix(b"\r").unwrap_or(line))))
    }
}

impl core::iter::FusedIterator for Lines<'_> {}

/// What stands before and behind the first `byte`.
fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == byte)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// `line` without `<N>`, `[ time]`, `[caller]` and one space.
fn message(line: &[u8]) -> &[u8] {
    let mut rest = line;
    // journalctl and syslog files: "Nov 22 22:12:20 host kernel: [    0.000000] message".
    if !rest.starts_with(b"<") && !rest.starts_with(b"[") {
        let tag = b" kernel: ";
        if let Some(at) = rest.windows(tag.len()).position(|window| window == tag) {
            rest = rest.get(at.saturating_add(tag.len())..).unwrap_or(rest);
        }
    }
    if let Some((priority, behind)) = rest.strip_prefix(b"<").and_then(|text| split_at_byte(text, b'>'))
        && !priority.is_empty()
        && priority.iter().all(u8::is_ascii_digit)
    {
        rest = behind;
    }
    let mut stripped = false;
    while let Some((inside, behind)) = rest.strip_prefix(b"[").and_then(|text| split_at_byte(text, b']'))
        && is_stamp(inside)
    {
        rest = behind;
        stripped = true;
    }
    if stripped { rest.strip_prefix(b" ").unwrap_or(rest) } else { rest }
}

/// Whether the text between brackets is a time (`    0.000000`) or a caller (`    T0`, `   C12`).
fn is_stamp(inside: &[u8]) -> bool {
    let text = inside.trim_ascii();
    let (head, digits) = match text.split_first() {
        Some((b'T' | b'C', digits)) => (true, digits),
        _ => (false, text),
    };
    !digits.is_empty() && digits.iter().all(|b| b.is_ascii_digit() || (!head && *b == b'.'))
}

/// Reads one message from the left. Each step takes what it expects or says what it expected.
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

    /// Takes `text` if it comes next.
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

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The line must end here, but for blanks.
    pub(super) fn end(&self) -> Result<(), LogError> {
        if self.rest.trim_ascii().is_empty() { Ok(()) } else { Err(self.malformed("end of line")) }
    }

    /// Everything up to `byte`, which is taken too.
    pub(super) fn until(&mut self, byte: u8, expected: &'static str) -> Result<&'a [u8], LogError> {
        let (before, rest) = split_at_byte(self.rest, byte).ok_or_else(|| self.malformed(expected))?;
        self.rest = rest;
        Ok(before)
    }

    fn digits(&mut self, radix: u32, expected: &'static str) -> Result<u64, LogError> {
        let mut value: u64 = 0;
        let mut rest = self.rest;
        while let Some((byte, behind)) = rest.split_first()
            && let Some(digit) = char::from(*byte).to_digit(radix)
        {
            value = value
                .checked_mul(u64::from(radix))
                .and_then(|value| value.checked_add(u64::from(digit)))
                .ok_or_else(|| self.malformed("a number of at most 64 bits"))?;
            rest = behind;
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

    /// A hexadecimal number with its `0x`.
    pub(super) fn hex(&mut self) -> Result<u64, LogError> {
        self.expect("0x")?;
        self.digits(16, "a hexadecimal number")
    }

    /// `0x<start>-0x<last>`, both included, as two numbers.
    pub(super) fn bounds(&mut self) -> Result<(u64, u64), LogError> {
        let start = self.hex()?;
        self.expect("-")?;
        Ok((start, self.hex()?))
    }

    /// `0x<start>-0x<last>` as numbers, to become a range once the line has been read to its end.
    pub(super) fn range(&self, (start, last): (u64, u64)) -> Result<PhysRange, LogError> {
        let range = match last.checked_add(1) {
            // A size of 0 shows as a last byte before the first.
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

    fn only(text: &[u8]) -> &[u8] {
        lines(text).next().unwrap().1
    }

    #[test]
    fn every_prefix_a_log_line_may_carry_is_stripped() {
        for line in [
            &b"node 0"[..],
            b"<6>node 0",
            b"[    0.000000] node 0",
            b"<6>[    0.000000] node 0",
            b"<14>[   12.345678][    T0] node 0",
            b"[   12.345678][   C3] node 0",
            b"Nov 22 22:12:20 host kernel: node 0",
            b"Nov 22 22:12:20 host kernel: [    0.000000] node 0",
        ] {
            assert_eq!(only(line), b"node 0", "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_only_looks_like_a_prefix_stays() {
        assert_eq!(only(b"[mem 0x0-0x1] x"), b"[mem 0x0-0x1] x");
        assert_eq!(only(b"<x>node"), b"<x>node");
        assert_eq!(only(b"[    0.0]   node   0"), b"  node   0");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_end_the_log() {
        let text = b"\xff\xfe\n\n[    0.0] last";
        assert_eq!(lines(text).last().unwrap(), (3, &b"last"[..]));
    }

    #[test]
    fn numbers_wider_than_64_bits_are_refused() {
        let mut cursor = Cursor::new(b"0x10000000000000000", 1, "test");
        assert!(matches!(cursor.hex(), Err(LogError::Malformed { line: 1, .. })));
    }
}
