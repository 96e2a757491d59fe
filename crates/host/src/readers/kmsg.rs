//! The kernel log of the running machine, from `/dev/kmsg`.

use std::fmt::Write;

use evidence::Source;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read, retry_on_intr};

use crate::root::source::nonsense;

/// The longest record. With a smaller buffer, the kernel refuses long records.
const RECORD: usize = 8192;
/// More than the largest log buffer (`log_buf_len=2G`) holds.
const MOST_RECORDS: usize = 1 << 24;

/// All current records, as `dmesg --raw` prints them. Does not wait for new ones.
pub(crate) fn kernel_log() -> Source<String> {
    let device = match openat(
        CWD,
        "/dev/kmsg",
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY,
        Mode::empty(),
    ) {
        Ok(device) => device,
        Err(error) => return failed(error),
    };
    let mut log = String::new();
    let mut record = [0; RECORD];
    for _ in 0..MOST_RECORDS {
        match retry_on_intr(|| read(&device, &mut record)) {
            Ok(0) | Err(Errno::AGAIN) => break,
            Ok(count) => print(&mut log, record.get(..count).unwrap_or_default()),
            // Overwritten while reading: the next read continues with the oldest record left.
            Err(Errno::PIPE) => {}
            Err(error) => return failed(error),
        }
    }
    if log.is_empty() { Source::Missing } else { Source::Read(log) }
}

fn failed(error: Errno) -> Source<String> {
    match error {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => Source::Missing,
        Errno::PERM | Errno::ACCESS => Source::Unreadable {
            why:
                "/dev/kmsg: permission denied: the kernel log is for root here (kernel.dmesg_restrict); run \
                  as root"
                    .into(),
            for_lack_of_privilege: true,
        },
        error => nonsense(format!("/dev/kmsg: {}", std::io::Error::from(error))),
    }
}

/// `PRIORITY,NUMBER,MICROSECONDS,FLAGS...;TEXT`, then lines that begin with a space and describe the
/// device. Anything else is printed unchanged.
fn print(log: &mut String, record: &[u8]) {
    let record = String::from_utf8_lossy(record);
    let Some((head, body)) = record.split_once(';') else {
        log.push_str(record.trim_end());
        log.push('\n');
        return;
    };
    let mut fields = head.split(',');
    let priority = fields.next().and_then(|field| field.parse::<u32>().ok()).unwrap_or(0);
    let time = fields.nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let text = unescaped(body.lines().next().unwrap_or_default());
    for line in text.split('\n') {
        // Writing to a string cannot fail.
        let _ = writeln!(log, "<{priority}>[{:5}.{:06}] {line}", time / 1_000_000, time % 1_000_000);
    }
}

/// The kernel writes control characters, non-ASCII bytes and backslashes as `\xHH`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match rest {
            [b'\\', b'x', high, low, ..] => hexadecimal(*high, *low),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { rest.get(4..).unwrap_or_default() } else { tail };
    }
    crate::root::source::text(bytes)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(record: &str) -> String {
        let mut log = String::new();
        print(&mut log, record.as_bytes());
        log
    }

    #[test]
    fn a_record_becomes_a_line_of_dmesg_raw() {
        assert_eq!(
            printed("6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=net\n"),
            "<6>[    5.140900] NET: Registered PF_INET6\n"
        );
        assert_eq!(printed("30,2,12,-,caller=T1;x\n"), "<30>[    0.000012] x\n");
    }

    #[test]
    fn each_line_of_a_record_gets_its_own_time() {
        assert_eq!(printed("4,1,0,-;a\\x0ab\n"), "<4>[    0.000000] a\n<4>[    0.000000] b\n");
    }

    #[test]
    fn escapes_become_the_bytes_they_stand_for() {
        assert_eq!(unescaped(r"\x5c \xc3\xa9 \xzz \x5"), "\\ é \\xzz \\x5");
    }

    #[test]
    fn anything_but_a_record_is_kept() {
        assert_eq!(printed("no semicolon"), "no semicolon\n");
        assert_eq!(printed("x,y,z;text"), "<0>[    0.000000] text\n");
    }
}
