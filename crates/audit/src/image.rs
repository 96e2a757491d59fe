//! An image, loaded or planned.

use std::borrow::Cow;

use evidence::log::LoadRecord;
use evidence::record::{RecordedEntry, RecordedLoader};
use evidence::{ArmedCrash, Record};
use firmware::e820::{E820Type, Entry};
use kexec::{Plan, Purpose, SegmentKind};
use memblock::PhysRange;
use rules::Loader;

use crate::loaded::{Loaded, recorded};
use crate::subject::Subject;

/// The kernel's name in the log of a load on x86, and the least alignment of any x86_64 kernel
/// (arch/x86/Kconfig:PHYSICAL_ALIGN, 6.12).
const KERNEL_X86: &str = "64bit kernel";
const LEAST_ALIGNMENT_X86: u64 = 2 << 20;

/// What checks look at in an image.
#[derive(Clone, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) loader: Loader,
    pub(crate) is_loaded: bool,
    /// What each segment holds, and where it lies.
    pub(crate) segments: Vec<(String, PhysRange)>,
    /// The kernel, and the alignment that its loader asked for.
    pub(crate) kernel: Option<(PhysRange, u64)>,
    /// `None` if it is unknown.
    pub(crate) command_line: Option<&'a str>,
    /// The e820 map handed over; empty if there is none.
    pub(crate) map: Cow<'a, [Entry]>,
    /// Entries for which that map has no room; a record does not show them.
    pub(crate) lacks: &'a [Entry],
    /// The ranges of the dump.
    pub(crate) dumped: Cow<'a, [PhysRange]>,
    /// The source of all this, as evidence.
    pub(crate) known_from: String,
}

impl<'a> Image<'a> {
    pub(crate) fn of_plan(plan: &'a Plan) -> Self {
        Self {
            purpose: plan.purpose,
            loader: plan.loader,
            is_loaded: false,
            segments: plan.segments.iter().map(|s| (s.kind.as_str().to_owned(), s.range)).collect(),
            kernel: plan
                .segment(SegmentKind::Kernel)
                .filter(|kernel| kernel.alignment < kernel.wanted_alignment)
                .map(|kernel| (kernel.range, kernel.wanted_alignment)),
            command_line: Some(&plan.command_line),
            map: Cow::Borrowed(&plan.next_kernel),
            lacks: &plan.next_kernel_lacks,
            dumped: Cow::Borrowed(&plan.vmcore),
            known_from: format!("planned for {}", plan.loader.as_str()),
        }
    }

    /// What is loaded; `None` if too little of it is known.
    pub(crate) fn of_loaded(subject: &'a Subject<'_>, purpose: Purpose) -> Option<Self> {
        match subject.loaded(purpose) {
            Loaded::Armed(armed) => Some(Self::of_armed(armed)),
            Loaded::Recorded(record) => Some(Self::of_record(record)),
            Loaded::Known(logged) => Some(Self::of_log(logged, purpose)),
            Loaded::Nothing | Loaded::ByKexecLoad | Loaded::Untold | Loaded::Unseen => None,
        }
    }

    /// What lies in the crash kernel's memory. Where its segments are does not matter: that memory stays.
    fn of_armed(armed: &'a ArmedCrash) -> Self {
        let by_kernel = armed.by_kernel.unwrap_or(true);
        Self {
            purpose: Purpose::Crash,
            loader: if by_kernel { Loader::KexecFileLoad } else { Loader::KexecLoad },
            is_loaded: true,
            segments: Vec::new(),
            kernel: None,
            command_line: armed.command_line.as_deref(),
            map: Cow::Borrowed(&armed.map),
            lacks: &[],
            dumped: Cow::Borrowed(&armed.loads),
            known_from: "read from the crash kernel's memory (/proc/kcore)".to_owned(),
        }
    }

    /// What physmem wrote down when it loaded.
    fn of_record(record: &'a Record) -> Self {
        let planned = if record.is_placed { "" } else { "; places as planned: only the kernel knows them" };
        let entry = |entry: &RecordedEntry| Entry { range: entry.range.0, kind: E820Type::from(entry.kind) };
        let kernel = record.segments.iter().find(|segment| segment.kind == SegmentKind::Kernel.as_str());
        Self {
            purpose: record.purpose,
            loader: match record.loader {
                RecordedLoader::KexecFileLoad => Loader::KexecFileLoad,
                RecordedLoader::KexecLoad => Loader::KexecLoad,
            },
            is_loaded: true,
            segments: record.segments.iter().map(|s| (s.kind.clone(), s.range.0)).collect(),
            kernel: kernel.map(|kernel| (kernel.range.0, LEAST_ALIGNMENT_X86)),
            command_line: Some(&record.passed_command_line),
            map: record.map.iter().map(entry).collect(),
            lacks: &[],
            dumped: record.dumped().collect(),
            known_from: format!("{}{planned}", recorded(record)),
        }
    }

    fn of_log(record: &'a LoadRecord, purpose: Purpose) -> Self {
        let name = |holds: &Option<String>| holds.clone().unwrap_or_else(|| "segment".to_owned());
        Self {
            purpose,
            loader: Loader::KexecFileLoad,
            is_loaded: true,
            segments: record.segments.iter().map(|s| (name(&s.holds), s.range)).collect(),
            kernel: record
                .segments
                .iter()
                .find(|segment| segment.holds.as_deref() == Some(KERNEL_X86))
                .map(|kernel| (kernel.range, LEAST_ALIGNMENT_X86)),
            command_line: record.command_line.as_deref(),
            map: Cow::Borrowed(&record.map),
            lacks: &[],
            dumped: Cow::Borrowed(&record.dumped),
            known_from: format!("the kernel log: {}", record.end),
        }
    }

    /// `the loaded image`, `the planned image`.
    pub(crate) const fn words(&self) -> &'static str {
        match (self.is_loaded, self.purpose) {
            (true, Purpose::Reboot) => "the loaded image",
            (true, Purpose::Crash) => "the loaded crash kernel",
            (false, Purpose::Reboot) => "the planned image",
            (false, Purpose::Crash) => "the planned crash kernel",
        }
    }
}
