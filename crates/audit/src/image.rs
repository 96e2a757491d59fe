//! An image, loaded or planned.

use evidence::log::LoadRecord;
use firmware::e820::Entry;
use kexec::{Plan, Purpose, SegmentKind};
use memblock::PhysRange;
use rules::Loader;

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
    pub(crate) map: &'a [Entry],
    /// Entries for which that map has no room; a record does not show them.
    pub(crate) lacks: &'a [Entry],
    /// The ranges of the dump.
    pub(crate) dumped: &'a [PhysRange],
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
            map: &plan.next_kernel,
            lacks: &plan.next_kernel_lacks,
            dumped: &plan.vmcore,
            known_from: format!("planned for {}", plan.loader.as_str()),
        }
    }

    pub(crate) fn of_record(record: &'a LoadRecord, purpose: Purpose) -> Self {
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
            map: &record.map,
            lacks: &[],
            dumped: &record.dumped,
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
