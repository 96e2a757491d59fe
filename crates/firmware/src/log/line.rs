//! The lines of a kernel log without their prefixes.

/// The lines of `text`: 1-based number and message, without priority, timestamp, caller, host and `kernel:`.
///
/// Supports the output of `dmesg`, also with `-r`, `-x`, `-d` and every `--time-format`, of `journalctl -k` with
/// `-o short`, its variants and `cat`, of syslog files, and of a console. Host and `kernel:` are removed only
/// after a timestamp, because a message may contain the same words. A line with any other prefix is returned
/// whole. What people put before lines that they paste, `> ` and blanks, is removed too.
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

/// The parts before and after the first `byte`.
pub(super) fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == byte)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// `line` without the prefix that `dmesg`, `journalctl -k`, a syslog file or a console put before the
/// message, and without one space.
fn message(line: &[u8]) -> &[u8] {
    let line = pasted(line);
    let mut rest = without_facility(without_priority(line));
    if let Some(after) = after_iso(rest) {
        return without_blank(after);
    }
    if let Some(after) = after_date(rest).and_then(|text| after_kernel(text).or_else(|| after_host(text))) {
        // A syslog file may also contain the kernel's own priority and timestamp.
        rest = without_priority(after);
    }
    let Some((inside, after)) = bracket(rest) else { return rest };
    if is_caller(inside) {
        return without_blank(after);
    }
    if is_delta(inside) {
        // `journalctl -o short-delta` goes on with the host.
        return after_kernel(after).or_else(|| after_host(after)).unwrap_or_else(|| without_blank(after));
    }
    if !after_date(inside).is_some_and(|text| text.trim_ascii().is_empty()) {
        return rest;
    }
    // The console prints the caller right after the time, dmesg after a space.
    if let Some((_, after)) = bracket(without_blank(after)).filter(|(inside, _)| is_caller(inside)) {
        return without_blank(after);
    }
    // Only `journalctl -o short-monotonic` prints the host after a bracket, and its times are in seconds:
    // otherwise the same words belong to the message.
    let journal =
        after_kernel(after).or_else(|| after_host(after)).filter(|_| is_seconds(inside.trim_ascii()));
    journal.unwrap_or_else(|| without_blank(after))
}

/// `line` without quotation marks of mail, and without the blanks before a prefix.
fn pasted(line: &[u8]) -> &[u8] {
    let mut rest = line;
    while let Some(after) = rest.trim_ascii_start().strip_prefix(b">") {
        rest = without_blank(after);
    }
    let text = rest.trim_ascii_start();
    let is_time = |inside: &[u8]| after_date(inside).is_some_and(|text| text.trim_ascii().is_empty());
    let has_prefix = text.starts_with(b"<") || bracket(text).is_some_and(|(inside, _)| is_time(inside));
    if has_prefix { text } else { rest }
}

fn without_blank(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// `text` without `<N>`.
fn without_priority(text: &[u8]) -> &[u8] {
    let priority = text.strip_prefix(b"<").and_then(|text| split_at_byte(text, b'>'));
    priority.filter(|(number, _)| is_number(number)).map_or(text, |(_, after)| after)
}

/// `text` without the facility and level that `dmesg -x` prints: `kern  :info  : `.
fn without_facility(text: &[u8]) -> &[u8] {
    let parts = split_at_byte(text, b':').and_then(|(facility, rest)| {
        let (level, rest) = split_at_byte(rest, b':')?;
        let is_facility =
            matches!(facility.trim_ascii_end(), b"kern" | b"user" | b"daemon" | b"syslog" | b"auth");
        let is_level = matches!(
            level.trim_ascii_end(),
            b"emerg" | b"alert" | b"crit" | b"err" | b"warn" | b"notice" | b"info" | b"debug"
        );
        (is_facility && is_level).then_some(rest)
    });
    parts.map_or(text, without_blank)
}

/// The text after the time that `dmesg --time-format=iso` prints: `2026-11-22T23:49:18,123456+00:00`. The comma tells
/// it from a journal's, which goes on with the host.
fn after_iso(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    let time = take_word(&mut rest);
    let is_iso = time.get(..20).is_some_and(|start| has_shape(start, b"0000-00-00T00:00:00,"));
    is_iso.then_some(rest)
}

/// Whether `inside` is a time beside the one before it: `    0.000000 <    0.000012>` of `dmesg -d`, in which
/// `journalctl -o short-delta` has a blank at the end; `<    0.000012>` of `dmesg --time-format=delta`;
/// `Nov22 23:49` and `  +0.000012` of `--time-format=reltime`.
fn is_delta(inside: &[u8]) -> bool {
    let text = inside.trim_ascii();
    let between = |text: &[u8]| {
        let inner = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">"));
        // Of the first line, journalctl knows no difference.
        inner.is_some_and(|inner| inner.trim_ascii().is_empty() || is_seconds(inner.trim_ascii()))
    };
    if let Some((time, _)) = split_at_byte(text, b'<') {
        let is_known = time.is_empty() || is_seconds(time.trim_ascii()) || after_date(time).is_some();
        return is_known && text.get(time.len()..).is_some_and(between);
    }
    if let Some(seconds) = text.strip_prefix(b"+") {
        return is_seconds(seconds);
    }
    // `%b%e`: the day is padded with a blank.
    let mut rest = text;
    let month_day = take_word(&mut rest);
    let is_date = month_day.split_at_checked(3).is_some_and(|(month, day)| {
        month.first().is_some_and(u8::is_ascii_uppercase)
            && is_day(if day.is_empty() { take_word(&mut rest) } else { day })
    });
    is_date && has_shape(take_word(&mut rest), b"00:00") && rest.is_empty()
}

/// The contents of the bracket at the start of `text`, and the text after it.
fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    split_at_byte(text.strip_prefix(b"[")?, b']')
}

/// The text after ` kernel:` and one space.
fn after_kernel(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b" kernel:").map(without_blank)
}

/// The text after ` host kernel:`, or BusyBox's ` host kern.info kernel:`, and one space.
fn after_host(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b" ").filter(|text| !text.starts_with(b" "))?;
    // A word followed by a colon is not a host but the subject of a message.
    if take_word(&mut rest).ends_with(b":") {
        return None;
    }
    after_kernel(rest).or_else(|| {
        let is_facility = take_word(&mut rest).starts_with(b"kern.");
        after_kernel(rest).filter(|_| is_facility)
    })
}

/// The text after the timestamp at the start of `text`. Timestamps are recognized by shape, because the names
/// of days and months depend on the locale:
///
/// - `0.000000`, seconds since boot, and since 1970 with `journalctl -o short-unix`
/// - `2026-11-22T23:49:18+00:00`, with or without a fraction: `journalctl -o short-iso`, rsyslog
/// - `Nov 22 23:49:18`, with or without a fraction: `journalctl`, syslog files
/// - `Sun 2026-11-22 23:49:18 UTC`: `journalctl -o short-full`
/// - `Sun Nov 22 23:49:18 2026`: `dmesg -T`, and OpenWrt's `logread`
fn after_date(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    let first = take_word(&mut rest);
    if is_seconds(first) || first.get(..11).is_some_and(|date| has_shape(date, b"0000-00-00T")) {
        return Some(rest);
    }
    let second = take_word(&mut rest);
    let known = if is_day(second) {
        is_clock(take_word(&mut rest))
    } else if has_shape(second, b"0000-00-00") {
        is_clock(take_word(&mut rest)) && !take_word(&mut rest).is_empty()
    } else {
        is_day(take_word(&mut rest))
            && is_clock(take_word(&mut rest))
            && has_shape(take_word(&mut rest), b"0000")
    };
    known.then_some(rest)
}

/// Takes the next word and the blanks before it. If it is empty, nothing is left.
fn take_word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let text = rest.trim_ascii_start();
    let len = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (word, after) = text.split_at_checked(len).unwrap_or((text, &[]));
    *rest = after;
    word
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether `text` is a caller: `    T0`, `   C12`.
fn is_caller(text: &[u8]) -> bool {
    matches!(text.trim_ascii().split_first(), Some((b'T' | b'C', number)) if is_number(number))
}

/// `0.000000`
fn is_seconds(word: &[u8]) -> bool {
    split_at_byte(word, b'.').is_some_and(|(seconds, fraction)| is_number(seconds) && is_number(fraction))
}

/// A day of a month.
fn is_day(word: &[u8]) -> bool {
    word.len() <= 2 && is_number(word)
}

/// `23:49:18`, with or without a fraction.
fn is_clock(word: &[u8]) -> bool {
    word.split_at_checked(8).is_some_and(|(clock, fraction)| {
        has_shape(clock, b"00:00:00")
            && (fraction.is_empty() || fraction.strip_prefix(b".").is_some_and(is_number))
    })
}

/// Whether `word` has this `shape`, in which a 0 means any digit.
fn has_shape(word: &[u8], shape: &[u8]) -> bool {
    word.len() == shape.len()
        && word.iter().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &[u8]) -> &[u8] {
        lines(text).next().unwrap().1
    }

    #[test]
    fn every_prefix_of_a_log_line_is_removed() {
        for line in [
            &b"node 0"[..],
            b"<6>node 0",
            b"[    0.000000] node 0",
            b"<6>[    0.000000] node 0",
            b"<14>[   12.345678][    T0] node 0",
            b"[   12.345678][   C3] node 0",
            b"Nov 22 22:12:20 host kernel: node 0",
            b"Nov 22 22:12:20 host kernel: [    0.000000] node 0",
            // dmesg -T, in another locale too
            b"[Fri Nov 22 23:49:18 2026] node 0",
            b"[ven. nov.  2 23:49:18 2026] node 0",
            b"<6>[Fri Nov  2 23:49:18 2026] [    T0] node 0",
            // dmesg of a kernel that logs the caller
            b"[    0.000000] [    T0] node 0",
            b"[    0.000000] [  C12] node 0",
            b"[    T0] node 0",
            // journalctl -k: short-monotonic, short, -precise, -iso, -full, -unix, --no-hostname
            b"[    0.000000] host kernel: node 0",
            b"Nov  2 23:49:18 host.example kernel: node 0",
            b"Nov 22 23:49:18.123456 host kernel: node 0",
            b"2026-11-22T23:49:18+0000 host kernel: node 0",
            b"Sun 2026-11-22 23:49:18 UTC host kernel: node 0",
            b"1795391358.123456 host kernel: node 0",
            b"Nov 22 23:49:18 kernel: node 0",
            b"[    0.000000] kernel: node 0",
            b"[    0.000000 <    0.000000 >] host kernel: node 0",
            b"[   12.345678 <              >] host kernel: node 0",
            b"[   12.345678 <    0.000012 >] kernel: node 0",
            // dmesg -d, and its --time-format: delta, reltime (the first line of a minute, and the others), iso
            b"[    0.000000 <    0.000000>] node 0",
            b"[Fri Nov 22 23:49:18 2026 <    0.000012>] node 0",
            b"[<    0.000012>] node 0",
            b"[Nov22 23:49] node 0",
            b"[Nov 2 23:49] node 0",
            b"[  +0.000012] node 0",
            b"2026-11-22T23:49:18,123456+00:00 node 0",
            // dmesg -x
            b"kern  :info  : [    0.000000] node 0",
            b"kern  :notice: [Fri Nov 22 23:49:18 2026] node 0",
            b"kern  :warn  : 2026-11-22T23:49:18,123456+00:00 node 0",
            // syslog files: rsyslog, klogd, BusyBox, OpenWrt
            b"2026-11-22T23:49:18.123456+00:00 host kernel: [    0.000000][    T0] node 0",
            b"Nov 22 23:49:18 host kernel: <6>[    0.000000] node 0",
            b"Nov 22 23:49:18 host kern.info kernel: [    0.000000] node 0",
            b"Sun Nov 22 23:49:18 2026 kern.info kernel: [    0.000000] node 0",
        ] {
            assert_eq!(only(line), b"node 0", "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_people_put_before_pasted_lines_is_removed() {
        for line in [
            &b"> [    0.000000] node 0"[..],
            b"> > <6>[    0.0] node 0",
            b">> node 0",
            b"    [    0.0] node 0",
        ] {
            assert_eq!(only(line), b"node 0", "{}", line.escape_ascii());
        }
        assert_eq!(only(b">   node   0: x"), b"  node   0: x");
        assert_eq!(only(b"  [mem 0x0-0x1] x"), b"  [mem 0x0-0x1] x");
    }

    #[test]
    fn text_that_only_looks_like_a_prefix_stays() {
        assert_eq!(only(b"[mem 0x0-0x1] x"), b"[mem 0x0-0x1] x");
        assert_eq!(only(b"<x>node"), b"<x>node");
        assert_eq!(only(b"[    0.0]   node   0"), b"  node   0");
    }

    #[test]
    fn a_message_that_looks_like_a_prefix_stays_whole() {
        for message in [
            &b"[mem 0x0-0x1] x"[..],
            b"[12] x",
            b"[Firmware Bug]: TSC",
            b"[T] x",
            b"the crash kernel: x",
            b"audit: kernel: x",
            b"  indented kernel: x",
            b"[",
            b"[    ",
        ] {
            for prefix in ["", "[    0.000000] ", "[    0.000000] [    T0] ", "[Fri Nov 22 23:49:18 2026] "] {
                let line = [prefix.as_bytes(), message].concat();
                assert_eq!(only(&line), message, "{}", line.escape_ascii());
            }
            for prefix in ["[    0.000000] host kernel: ", "Nov 22 23:49:18 host kernel: "] {
                let line = [prefix.as_bytes(), message].concat();
                assert_eq!(only(&line), message, "{}", line.escape_ascii());
            }
        }
        // A word is a host only where a journal would put one.
        for prefix in ["", "[    0.000000][    T0] ", "[Fri Nov 22 23:49:18 2026] ", "<6>"] {
            let line = [prefix.as_bytes(), b"kernel: x"].concat();
            assert_eq!(only(&line), b"kernel: x", "{}", line.escape_ascii());
            let line = [prefix.as_bytes(), b"crash kernel: x"].concat();
            assert_eq!(only(&line), b"crash kernel: x", "{}", line.escape_ascii());
        }
        assert_eq!(only(b"[    0.0] [    1.0] x"), b"[    1.0] x");
        assert_eq!(only(b"[    0.0] [    T0] [    T1] x"), b"[    T1] x");
    }

    #[test]
    fn a_line_of_another_program_is_not_mistaken_for_the_kernels() {
        let line = b"Nov 22 23:49:18 host su: kernel: BIOS-e820: x";
        assert_eq!(only(line), line);
        let line = b"Nov 22 23:49:18 host app[12]: the kernel: x";
        assert_eq!(only(line), line);
    }

    #[test]
    fn a_prefix_cut_anywhere_does_no_harm() {
        for line in [
            &b"<6>[Fri Nov 22 23:49:18 2026] [    T0] x"[..],
            b"[    0.000000] host kernel: x",
            b"Nov 22 23:49:18 host kern.info kernel: <6>[    0.000000][    T0] x",
            b"Sun 2026-11-22 23:49:18 UTC host kernel: x",
        ] {
            for len in 1..line.len() {
                assert_eq!(lines(&line[..len]).count(), 1);
            }
        }
    }

    #[test]
    fn bytes_that_are_not_text_do_not_end_the_log() {
        let text = b"\xff\xfe\n\n[    0.0] last";
        assert_eq!(lines(text).last().unwrap(), (3, &b"last"[..]));
    }
}
