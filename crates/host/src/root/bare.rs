//! A single text given instead of a tree: a kernel log, or `/proc/iomem`.

use std::io::{self, Read};
use std::path::Path;

use crate::error::ReadError;
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
    let first = head.lines().find(|line| !line.trim().is_empty())?;
    if is_iomem(first) {
        return Some(files::IOMEM);
    }
    let bare = firmware::log::lines(first.as_bytes()).next().map(|(_, line)| line);
    let has_prefix = bare.is_some_and(|line| line != first.as_bytes());
    let is_log = has_prefix
        || ["Linux version ", "BIOS-e820: ", "BIOS-provided physical RAM map:"]
            .iter()
            .any(|words| head.contains(words));
    let [log, ..] = files::KERNEL_LOGS;
    is_log.then_some(log)
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
    let mut tree = Archive::default();
    tree.insert(place.to_owned(), Node::File(bytes));
    Ok(tree)
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
        assert_eq!(place_of(b"00001000-0009fbff : System RAM\r\n"), Some(files::IOMEM));
        assert_eq!(place_of(b"Dear all,\n"), None);
        assert_eq!(place_of(b"{\"schema\": 1}"), None);
        assert_eq!(place_of(b"proc/iomem\0\0"), None);
    }
}
