//! A single text given instead of a tree: a kernel log, or `/proc/iomem`.

use std::io::{self, Read};
use std::path::Path;

use crate::error::ReadError;
use crate::readers::journal;
use crate::root::archive::{Archive, Node};
use crate::root::files;
use crate::root::source::text;

/// The largest text: no log buffer is larger than this.
const LARGEST: u64 = 64 << 20;

/// Where in a machine's tree a file that begins like this belongs; `None` if it is no such text.
pub(crate) fn place_of(head: &[u8]) -> Option<&'static str> {
    let is_utf16 = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    if head.contains(&0) && !is_utf16 {
        return None;
    }
    let head = text(head.to_vec());
    // A line of an excerpt may be a shell's prompt, a journal's heading, or cut.
    let lines = || head.lines().filter(|line| !line.trim().is_empty());
    if lines().take(PASTED).any(is_iomem) {
        return Some(files::IOMEM);
    }
    let has_prefix = |line: &str| {
        let message = firmware::log::lines(line.as_bytes()).next();
        message.is_some_and(|(_, message)| message != line.as_bytes())
    };
    let is_known = |line: &str| KNOWN.iter().any(|words| line.contains(words));
    let is_log =
        lines().any(|line| has_prefix(line) || is_known(line) || is_dated(line)) || journal::is_export(&head);
    let [log, ..] = files::KERNEL_LOGS;
    is_log.then_some(log)
}

/// How many lines of something else may stand before a text that was pasted.
const PASTED: usize = 4;

/// Words of the log's lines about memory, which an excerpt without prefixes is told by.
const KNOWN: [&str; 14] = [
    "Linux version ",
    "Command line: ",
    "Kernel command line: ",
    "BIOS-e820: ",
    "BIOS-provided physical RAM map:",
    "e820: ",
    "efi: mem",
    "efi:   0x",
    "EFI: mem",
    "SRAT: Node ",
    "Zone ranges:",
    "Early memory node ranges",
    "early_node_map[",
    "Booting Linux on physical CPU ",
];

/// `Nov 22 23:49:18 host cron[7]: ...`: a line of a syslog file or a journal that begins with what other programs said.
fn is_dated(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (month, day, clock) = (words.next(), words.next(), words.next());
    let is_number = |text: &str| text.len() <= 2 && text.parse::<u8>().is_ok();
    month.is_some_and(|month| month.chars().count() == 3)
        && day.is_some_and(is_number)
        && clock.is_some_and(|clock| clock.split(':').count() == 3 && clock.split(':').all(is_number))
        && words.nth(1).is_some()
}

/// `START-END : NAME`
fn is_iomem(line: &str) -> bool {
    let address = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    line.split_once(" : ")
        .and_then(|(range, _)| range.trim().split_once('-'))
        .is_some_and(|(start, end)| address(start) && address(end))
}

/// The tree with only this text in it.
pub(crate) fn tree(path: &Path, place: &str, stream: impl Read) -> Result<Archive, ReadError> {
    let mut bytes = Vec::new();
    stream
        .take(LARGEST.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source: io::Error| ReadError::Open { path: path.to_owned(), source })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        let what = format!("more than {} MiB of text", LARGEST >> 20);
        return Err(ReadError::TooLarge { path: path.to_owned(), what });
    }
    let bytes = if place == files::IOMEM { without_prompts(&text(bytes)).into() } else { bytes };
    Ok(only(place, bytes))
}

/// The tree with only this log in it.
pub(crate) fn log(bytes: Vec<u8>) -> Archive {
    let [log, ..] = files::KERNEL_LOGS;
    only(log, bytes)
}

fn only(place: &str, bytes: Vec<u8>) -> Archive {
    let mut tree = Archive::default();
    tree.insert(place.to_owned(), Node::File(bytes));
    tree
}

/// The lines from the first to the last of `/proc/iomem`: around them may stand a shell's prompts.
fn without_prompts(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| is_iomem(line));
    let last = lines.iter().rposition(|line| is_iomem(line));
    let kept = first.zip(last).and_then(|(first, last)| lines.get(first..=last)).unwrap_or(&lines);
    kept.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_first_lines() {
        let [log, ..] = files::KERNEL_LOGS;
        assert_eq!(place_of(b"[    0.000000] Linux version 6.1\r\n"), Some(log));
        assert_eq!(place_of(b"Nov 22 23:49:18 host kernel: x\n"), Some(log));
        assert_eq!(place_of(b"BIOS-e820: [mem 0x0-0xfff] usable\n"), Some(log));
        assert_eq!(place_of(b"Feb 08 21:00:33 host systemd[1]: Unmounted /boot/efi.\n"), Some(log));
        assert_eq!(place_of(b"May 8 at 10:00:00 I wrote to you\n"), None);
        assert_eq!(place_of(b"00001000-0009fbff : System RAM\r\n"), Some(files::IOMEM));
        assert_eq!(
            place_of(b"root@host:~# cat /proc/iomem\n00001000-0009fbff : System RAM\n"),
            Some(files::IOMEM)
        );
        assert_eq!(place_of(b"$ dmesg | grep e820\n[    0.0] e820: x\n"), Some(log));
        assert_eq!(place_of(b"-- Boot 0123 --\nNov 22 23:49:18 host kernel: x\n"), Some(log));
        assert_eq!(place_of(b"__CURSOR=s=1\n"), Some(log));
        assert_eq!(place_of(b"Dear all,\n"), None);
        assert_eq!(place_of(b"{\"schema\": 1}"), None);
        assert_eq!(place_of(b"proc/iomem\0\0"), None);
    }
}
