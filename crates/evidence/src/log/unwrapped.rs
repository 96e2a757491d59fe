//! Lines of a log that a mail program or a terminal broke in two.

use std::borrow::Cow;

/// Words that begin a line about memory.
const BROKEN: [&str; 9] = [
    "BIOS-e820:",
    "BIOS-88:",
    "Xen:",
    "user:",
    "modified:",
    "SRAT: ",
    "efi: mem",
    "crashkernel",
    "ommand line: ",
];

/// How the second half of a line of a map begins, if neither half shows where a line begins.
const SECOND_HALVES: [&str; 12] = [
    "usable",
    "(usable",
    "reserved",
    "(reserved",
    "ACPI NVS",
    "(ACPI",
    "ACPI data",
    "NVS",
    "data",
    "type ",
    "unusable",
    "soft reserved",
];

/// The text with each line about memory whose end stands on the next line put together again; an empty line is left
/// there, so that a line keeps its number. O(bytes).
///
/// A line goes on in the next if it has the prefix of a log's line and the next has none, or if the next is only what a
/// line of a map ends in.
///
/// ```
/// use evidence::log::unwrapped;
/// let text = "[    0.0] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]\nusable\n[    0.0] x\n";
/// let whole = "[    0.0] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n\n[    0.0] x\n";
/// assert_eq!(unwrapped(text), whole);
/// assert_eq!(unwrapped(whole), whole);
/// ```
pub fn unwrapped(text: &str) -> Cow<'_, str> {
    let mut made: Option<String> = None;
    // Where in the text what was not copied yet begins.
    let mut from = 0_usize;
    let mut above: Option<&str> = None;
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if above.is_some_and(|above| goes_on(above, bare)) {
            let made = made.get_or_insert_with(|| String::with_capacity(text.len()));
            let copied = text.get(from..at).unwrap_or_default().trim_end();
            made.push_str(copied);
            // An address is broken where it has a dash; all else where a blank was.
            if !copied.ends_with('-') {
                made.push(' ');
            }
            made.push_str(without_quotes(bare).trim());
            made.push_str("\n\n");
            from = at.saturating_add(line.len());
            above = None;
        } else {
            above = Some(bare);
        }
        at = at.saturating_add(line.len());
    }
    match made {
        Some(mut made) => {
            made.push_str(text.get(from..).unwrap_or_default());
            Cow::Owned(made)
        }
        None => Cow::Borrowed(text),
    }
}

fn goes_on(above: &str, below: &str) -> bool {
    let (has_prefix, message) = split(above);
    if !BROKEN.iter().any(|words| message.contains(words)) {
        return false;
    }
    // Nothing is missing of a line that can be read: what follows may be a shell's prompt.
    if firmware::log::e820(message.as_bytes()).next().is_some_and(|entry| entry.is_ok()) {
        return false;
    }
    let half = without_quotes(below).trim();
    let is_half = SECOND_HALVES.iter().any(|words| half.starts_with(words));
    let is_cut = message.trim_end().ends_with('-') && half.starts_with("0x");
    let (is_prefixed, _) = split(below);
    let is_text =
        !half.is_empty() && !half.starts_with(['[', '-', '.', '$', '#', '`']) && !half.contains("$ ");
    !is_prefixed && is_text && (has_prefix || is_cut || (is_half && message.trim_end().ends_with([']', '0'])))
}

/// Whether a line has the prefix of a log's line, and its message.
fn split(line: &str) -> (bool, String) {
    let line = without_quotes(line);
    let message = firmware::log::lines(line.as_bytes()).next().map_or(&b""[..], |(_, message)| message);
    (message.len() < line.trim_start().len(), String::from_utf8_lossy(message).into_owned())
}

/// Without what mail programs put before a quoted line.
fn without_quotes(line: &str) -> &str {
    line.trim_start_matches(['>', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BootLog;

    #[test]
    fn a_map_that_a_mail_program_wrapped_and_quoted_is_whole() {
        let text = "> [    0.000000] BIOS-provided physical RAM map:\n\
                    > [    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff]\n> usable\n\
                    > [    0.000000] BIOS-e820: [mem 0x000000000009fc00-\n> 0x000000000009ffff] reserved\n\
                    > [    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n";
        let log = BootLog::of(&unwrapped(text));
        assert_eq!(log.e820.map(|map| map.len()), Some(3));
    }

    #[test]
    fn lines_without_prefixes_are_joined_only_with_the_end_of_a_maps_line() {
        let old = " BIOS-e820: 0000000000000000 - 000000000009fc00\n(usable)\n";
        assert_eq!(unwrapped(old), " BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)\n\n");
        for whole in [
            "BIOS-e820: [mem 0x0-0xfff] usable\nusable\n",
            "[    0.0] BIOS-e820: [mem 0x0-0xfff] usable\n[...]\n[    0.0] x\n",
            "BIOS-e820: [mem 0x0-0xfff] usable\nNX (Execute Disable) protection: active\n",
            "[    0.0] BIOS-e820: [mem 0x0-0xfff] usable\nroot@host:~#\n",
            "[    0.0] Command line: quiet\nroot@host:~$ dmesg\n",
            "",
        ] {
            assert_eq!(unwrapped(whole), whole);
        }
    }
}
