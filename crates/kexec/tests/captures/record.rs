//! What a kernel prints when an image is loaded with KEXEC_FILE_DEBUG.

use memblock::PhysRange;

/// One load.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Start, `memsz` and `bufsz` of each segment.
    pub(crate) segments: Vec<[u64; 3]>,
    /// The command line with all that was added to it.
    pub(crate) command_line: String,
    /// The map handed over: ranges and the number of their type.
    pub(crate) map: Vec<(PhysRange, u32)>,
    /// The ranges of the dump.
    pub(crate) dumped: Vec<PhysRange>,
}

impl Record {
    /// All loads of a log, in order.
    pub(crate) fn all(log: &str) -> Vec<Self> {
        let mut records: Vec<Self> = Vec::new();
        for line in log.lines() {
            let Some((_, text)) = line.split_once("] ") else { continue };
            if text.starts_with("kexec_file: kernel: ") {
                records.push(Self::default());
            } else if let Some(record) = records.last_mut() {
                record.take(text);
            }
        }
        records
    }

    fn take(&mut self, text: &str) {
        if text.starts_with("kexec_file: segment[") {
            self.segments.push(["mem=", "memsz=", "bufsz="].map(|name| number(text, name).unwrap()));
        } else if let Some(line) = text.strip_prefix("kexec-bzImage64: Final command line is: ") {
            line.clone_into(&mut self.command_line);
        } else if text.starts_with("crash_core: Crash PT_LOAD") {
            let (start, size) = (number(text, "paddr=").unwrap(), number(text, "sz=").unwrap());
            self.dumped.push(PhysRange::from_size(start, size).unwrap());
        } else if let Some(entry) = text.strip_prefix("kexec-bzImage64: ").and_then(entry) {
            self.map.push(entry);
        }
    }
}

/// The number behind a name, as `memsz=0x5000`.
fn number(text: &str, name: &str) -> Option<u64> {
    let word = text.split([' ', ',']).find_map(|word| word.strip_prefix(name))?;
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

/// `0000000000000000-000000000009fbff (1)`.
pub(crate) fn entry(text: &str) -> Option<(PhysRange, u32)> {
    let (range, kind) = text.split_once(" (")?;
    let (start, last) = range.split_once('-')?;
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    let range = PhysRange::from_inclusive(address(start)?, address(last)?).ok()?;
    Some((range, kind.strip_suffix(')')?.parse().ok()?))
}
