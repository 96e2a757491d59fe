//! What physmem writes down when it loads a kernel: `/run/physmem/kexec.json` and `/run/physmem/kdump.json`.
//!
//! No file of the kernel shows which image is loaded. Whoever loads one with physmem leaves a record, and whoever asks
//! later (`status`, `check`, `watch`) reads it. A record describes the loaded image only if [`boot_id`](Record::boot_id)
//! is this boot's and the kernel says that an image is loaded; another program may have loaded one since.
//!
//! `schema/record.schema.json` describes the layout; a change that could break a reader raises [`SCHEMA`].

use memblock::PhysRange;
use serde::{Deserialize, Serialize};

use crate::log::Purpose;

/// The version of the layout.
pub const SCHEMA: u32 = 1;

/// The directory of the records.
pub const RECORDS: &str = "/run/physmem";
/// The record of the last load for a reboot.
pub const KEXEC_RECORD: &str = "kexec.json";
/// The record of the last load for crashes.
pub const KDUMP_RECORD: &str = "kdump.json";

/// One load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The layout's version, [`SCHEMA`].
    pub schema: u32,
    /// The program that loaded, with its version: `physmem 0.1.0`.
    pub by: String,
    /// What the image is for.
    pub purpose: Purpose,
    /// By which system call.
    pub loader: RecordedLoader,
    /// `/proc/sys/kernel/random/boot_id` of the boot in which it was loaded.
    pub boot_id: String,
    /// When, in UTC: `2026-11-30T15:43:00Z`.
    pub time: String,
    /// The release of the running kernel.
    pub running: String,
    /// The kernel that was loaded.
    pub kernel: RecordedFile,
    /// Its initial ramdisk.
    pub initrd: Option<RecordedFile>,
    /// The command line that was asked for.
    pub command_line: String,
    /// The command line that the next kernel gets, with what the loader added.
    pub passed_command_line: String,
    /// Whether the load kept off memory that can be unplugged.
    #[serde(default)]
    pub avoid_removable: bool,
    /// Whether the load kept off contiguous memory areas.
    #[serde(default)]
    pub no_cma: bool,
    /// Whether the places of `segments` are where the loader put them; false where the kernel chose them and they are
    /// only planned.
    pub is_placed: bool,
    /// The segments, in the order in which they were placed.
    pub segments: Vec<RecordedSegment>,
    /// The memory that the next kernel is told about.
    pub map: Vec<RecordedEntry>,
    /// What the dump contains, ascending, as the load left it; empty if the image is not for a crash.
    pub dump: Vec<RecordedRange>,
}

/// The system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedLoader {
    /// kexec_file_load: the kernel placed the segments.
    KexecFileLoad,
    /// kexec_load: physmem placed them.
    KexecLoad,
}

/// A file that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Its absolute path at that time.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// Half-open, in bytes; hexadecimal strings in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordedRange(pub PhysRange);

/// A segment and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSegment {
    /// `kernel`, `initrd`, `elfcorehdr`, ... as in a plan.
    pub kind: String,
    /// Its place.
    #[serde(flatten)]
    pub range: RecordedRange,
}

/// An entry of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEntry {
    /// The memory.
    #[serde(flatten)]
    pub range: RecordedRange,
    /// Its e820 type.
    #[serde(rename = "type")]
    pub kind: u32,
}

impl Record {
    /// Checks what a reader relies on.
    ///
    /// # Errors
    /// A sentence: a newer layout, or a digest that is none.
    pub fn checked(self) -> Result<Self, String> {
        if self.schema == 0 || self.schema > SCHEMA {
            return Err(format!("schema is {}; expected {SCHEMA}", self.schema));
        }
        let is_digest = |file: &RecordedFile| {
            file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let files = [Some(&self.kernel), self.initrd.as_ref()];
        if let Some(file) = files.into_iter().flatten().find(|file| !is_digest(file)) {
            return Err(format!("sha256 of {} is not 64 hexadecimal digits", file.path));
        }
        Ok(self)
    }

    /// The dump's ranges.
    pub fn dumped(&self) -> impl Iterator<Item = PhysRange> + '_ {
        self.dump.iter().map(|range| range.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Ends {
    start: String,
    end: String,
}

impl Serialize for RecordedRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex = |address: u64| format!("{address:#x}");
        Ends { start: hex(self.0.start()), end: hex(self.0.end()) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RecordedRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Ends { start, end } = Ends::deserialize(deserializer)?;
        let address = |text: &str| {
            let digits = text.strip_prefix("0x").unwrap_or("");
            u64::from_str_radix(digits, 16).map_err(|_| {
                D::Error::custom(format!("expected an address such as 0x100000, found `{text}`"))
            })
        };
        PhysRange::new(address(&start)?, address(&end)?).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let range = |start, end| RecordedRange(PhysRange::new(start, end).unwrap());
        Record {
            schema: SCHEMA,
            by: "physmem 0.1.0".into(),
            purpose: Purpose::Crash,
            loader: RecordedLoader::KexecLoad,
            boot_id: "5f8a4c1e-0000-4000-8000-000000000000".into(),
            time: "2026-11-30T15:43:00Z".into(),
            running: "6.12.1".into(),
            kernel: RecordedFile { path: "/boot/vmlinuz".into(), size: 9, sha256: "ab".repeat(32) },
            initrd: None,
            command_line: "quiet".into(),
            passed_command_line: "elfcorehdr=0x1000 quiet".into(),
            avoid_removable: false,
            no_cma: false,
            is_placed: true,
            segments: vec![RecordedSegment { kind: "kernel".into(), range: range(0x10_0000, 0x20_0000) }],
            map: vec![RecordedEntry { range: range(0x1000, 0x9_fc00), kind: 1 }],
            dump: vec![range(0x10_0000, 0x8000_0000)],
        }
    }

    #[test]
    fn a_record_survives_json_unchanged_and_its_addresses_are_hexadecimal() {
        let json = serde_json::to_string(&record()).unwrap();
        assert!(json.contains(r#"{"kind":"kernel","start":"0x100000","end":"0x200000"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap().checked(), Ok(record()));
    }

    #[test]
    fn what_is_no_record_is_refused_by_name() {
        let newer = Record { schema: 2, ..record() };
        assert_eq!(newer.checked(), Err("schema is 2; expected 1".to_owned()));
        let mut cut = record();
        cut.kernel.sha256.pop();
        assert!(cut.checked().unwrap_err().contains("/boot/vmlinuz"));
        let json = serde_json::to_string(&record()).unwrap();
        for (from, to) in [("\"0x200000\"", "\"0x100000\""), ("\"0x200000\"", "\"2M\""), ("crash", "later")] {
            assert!(serde_json::from_str::<Record>(&json.replace(from, to)).is_err(), "{from} -> {to}");
        }
    }
}
