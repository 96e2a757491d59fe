//! What a kernel log says about kexec loads: where the images went, and what has happened to the crash header since.
//!
//! kexec_file_load logs its work if the loader asks for it (KEXEC_FILE_DEBUG, Linux 6.8 and later); before, in other
//! words, where dynamic debug is on for its files. Memory hotplug events are debug messages in kernel/crash_core.c. A
//! load without either leaves nothing here, and neither does kexec_load.

use firmware::e820::{E820Type, Entry};
use memblock::PhysRange;
use serde::{Deserialize, Serialize};

/// When a loaded kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// By `kexec -e` or a reboot.
    Reboot,
    /// When the running kernel crashes.
    Crash,
}

/// The loads of one boot, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadLog {
    /// One record per load, including unfinished ones.
    pub records: Vec<LoadRecord>,
    /// Whether the log shows memory or CPU hotplug events that reached a loaded crash kernel. Without dynamic debug it
    /// shows none.
    pub shows_hotplug: bool,
}

/// One load by kexec_file_load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadRecord {
    /// The purpose of the load; `None` if it did not finish.
    pub purpose: Option<Purpose>,
    /// Whether the log still contains the load's first line.
    pub is_whole: bool,
    /// The segments, in the order in which they were placed.
    pub segments: Vec<LoadedSegment>,
    /// The command line including everything the kernel added; `None` if it is not printed, as on arm64.
    pub command_line: Option<String>,
    /// The e820 map passed to the new kernel, in the kernel's order; empty if there is none.
    pub map: Vec<Entry>,
    /// The dumped ranges: one per PT_LOAD, except for the kernel's text.
    pub dumped: Vec<PhysRange>,
    /// The number of possible CPUs, derived from the generated header; `None` if the header's first line is gone or the
    /// load was not for crashes.
    pub possible_cpus: Option<u64>,
    /// The line that ends the load.
    pub end: String,
    /// Later memory hotplug events that reached this crash kernel. Each made the kernel rebuild the header.
    pub events: Vec<MemoryEvent>,
}

impl LoadRecord {
    /// Whether the log says anything about it but that it began.
    fn has_begun(&self) -> bool {
        !(self.segments.is_empty() && self.command_line.is_none() && self.dumped.is_empty())
    }
}

/// A loaded segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSegment {
    /// The kernel's name for it, if printed: `64bit kernel`, `initrd`.
    pub holds: Option<String>,
    /// Its address range when the kernel is started.
    pub range: PhysRange,
    /// The number of bytes loaded (`bufsz`).
    pub loaded: u64,
}

/// A memory hotplug event that reached a crash kernel (include/linux/crash_core.h, 6.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryEvent {
    /// `KEXEC_CRASH_HP_ADD_MEMORY`, 3: a memory block went online.
    Online,
    /// `KEXEC_CRASH_HP_REMOVE_MEMORY`, 4: a memory block went offline. Its resource still exists at that point.
    Offline,
}

impl LoadLog {
    /// Reads a log in any format that [`firmware::log::lines`] accepts. If the log covers several boots, the last
    /// counts. O(bytes).
    ///
    /// ```
    /// use evidence::log::LoadLog;
    ///
    /// let log = "[ 1.0] kexec_file: kernel: 0000 kernel_size: 0x1000\n\
    ///            [ 1.1] kexec_file: segment[0]: buf=00 bufsz=0x800 mem=0x100000 memsz=0x1000\n\
    ///            [ 1.2] kexec_file: kexec_file_load: type:0, start:0x100000 head:0x2 flags:0x8\n";
    /// let log = LoadLog::of(log);
    /// let load = log.last(evidence::Purpose::Reboot).unwrap();
    /// assert_eq!(load.segments[0].range.start(), 0x10_0000);
    /// ```
    pub fn of(log: &str) -> Self {
        let mut reader = Reader::default();
        for (_, line) in firmware::log::lines(log.as_bytes()) {
            reader.take(&String::from_utf8_lossy(line));
        }
        reader.close();
        reader.log
    }

    /// The last finished load for this purpose.
    pub fn last(&self, purpose: Purpose) -> Option<&LoadRecord> {
        self.records.iter().rfind(|record| record.purpose == Some(purpose))
    }
}

#[derive(Default)]
struct Reader {
    log: LoadLog,
    /// The load in progress. A ring buffer loses its beginning, so a load without a first line is recorded too.
    open: Option<LoadRecord>,
    /// `Loaded NAME at ADDRESS` lines, until the segments are listed.
    names: Vec<(u64, String)>,
}

impl Reader {
    fn take(&mut self, text: &str) {
        if text.starts_with("Linux version ") {
            // A new boot: nothing loaded before it remains.
            *self = Self::default();
        } else if let Some(event) = text.strip_prefix("crash hp: hp_action ") {
            self.event(event);
        } else if text.starts_with("kexec_file: kernel: ") {
            self.close();
            self.record().is_whole = true;
        } else if text == "kexec-bzImage64: It's a relocatable bzImage64" {
            // The first line of a load before 6.8; with the debug flag, one follows `kernel:`.
            if self.open.as_ref().is_none_or(LoadRecord::has_begun) {
                self.close();
            }
            self.record().is_whole = true;
        } else if let Some(named) = loaded_at(text) {
            self.names.push(named);
        } else if text.starts_with("kexec_file: segment[") {
            self.segment(text);
        } else if text.starts_with("kexec_file: Loading segment ") {
            self.segment(text);
            self.record_of_old_words(text);
        } else if let Some(line) = text.strip_prefix("kexec-bzImage64: Final command line is: ") {
            self.record().command_line = Some(line.to_owned());
        } else if text.starts_with("crash_core: Crash PT_LOAD ")
            || text.starts_with("kexec_file: Crash PT_LOAD ")
        {
            self.dumped(text);
        } else if let Some(entry) = text.strip_prefix("kexec-bzImage64: ").and_then(entry) {
            self.record().map.push(entry);
        } else if let Some(end) = text.strip_prefix("kexec_file: kexec_file_load: type:") {
            self.end(end, text);
        }
    }

    fn record(&mut self) -> &mut LoadRecord {
        self.open.get_or_insert_default()
    }

    fn close(&mut self) {
        self.log.records.extend(self.open.take());
        self.names.clear();
    }

    fn segment(&mut self, text: &str) {
        let [Some(start), Some(size), Some(loaded)] =
            ["mem=", "memsz=", "bufsz="].map(|name| number(text, name))
        else {
            return;
        };
        let Ok(range) = PhysRange::from_size(start, size) else { return };
        let holds = self.names.iter().rfind(|(at, _)| *at == start).map(|(_, name)| name.clone());
        self.record().segments.push(LoadedSegment { holds, range, loaded });
    }

    fn dumped(&mut self, text: &str) {
        let (start, size) = (number(text, "paddr="), number(text, "sz="));
        let range = start.zip(size).and_then(|(start, size)| PhysRange::from_size(start, size).ok());
        let headers = word(text, "e_phnum=").and_then(|number| number.parse().ok());
        let record = self.record();
        if record.is_whole && record.dumped.is_empty() {
            record.possible_cpus = headers.and_then(possible_cpus);
        }
        record.dumped.extend(range);
    }

    /// A kernel before 6.8 prints no last line: each segment may be the last, and that a dump's header was placed shows
    /// the purpose.
    fn record_of_old_words(&mut self, text: &str) {
        let has_header = self.names.iter().any(|(_, name)| name.to_lowercase().starts_with("elf"));
        let record = self.record();
        record.purpose = Some(if has_header { Purpose::Crash } else { Purpose::Reboot });
        text.clone_into(&mut record.end);
    }

    fn end(&mut self, of: &str, text: &str) {
        let purpose = match of.split(',').next() {
            Some("0") => Some(Purpose::Reboot),
            Some("1") => Some(Purpose::Crash),
            _ => None,
        };
        let record = self.record();
        record.purpose = purpose;
        text.clone_into(&mut record.end);
        self.close();
    }

    fn event(&mut self, action: &str) {
        self.log.shows_hotplug = true;
        let event = match action.trim() {
            "3" => MemoryEvent::Online,
            "4" => MemoryEvent::Offline,
            _ => return,
        };
        let crash = self.log.records.iter_mut().rfind(|record| record.purpose == Some(Purpose::Crash));
        if let Some(crash) = crash {
            crash.events.push(event);
        }
    }
}

/// `kexec-bzImage64: Loaded initrd at 0x770a1000 bufsz=...`: the address and the name.
fn loaded_at(text: &str) -> Option<(u64, String)> {
    let (by, rest) = text.split_once(": Loaded ")?;
    if !by.starts_with("kexec") {
        return None;
    }
    let (name, address) = rest.split_once(" at 0x")?;
    let digits = address.split(' ').next()?;
    Some((u64::from_str_radix(digits, 16).ok()?, name.to_owned()))
}

/// The number of CPUs with notes in a header that had this many program headers when the first RAM range was added:
/// these count that range, the kernel's text, the vmcoreinfo note and one note per CPU.
fn possible_cpus(headers: u64) -> Option<u64> {
    headers.checked_sub(3).filter(|&cpus| cpus > 0)
}

/// The number after a name, as in `memsz=0x5000`.
fn number(text: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(word(text, name)?.strip_prefix("0x")?, 16).ok()
}

/// The text after a name, up to the next space or comma.
fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split([' ', ',']).find_map(|word| word.strip_prefix(name))
}

/// `0000000000000000-000000000009fbff (1)`.
fn entry(text: &str) -> Option<Entry> {
    let (range, kind) = text.split_once(" (")?;
    let (start, last) = range.split_once('-')?;
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    let range = PhysRange::from_inclusive(address(start)?, address(last)?).ok()?;
    let number: u32 = kind.strip_suffix(')')?.parse().ok()?;
    Some(Entry { range, kind: E820Type::from(number) })
}

#[cfg(test)]
mod tests;
