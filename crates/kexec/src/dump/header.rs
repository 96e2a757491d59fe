//! The crash kernel: its memory, the header of the dump, and the header's size.

use images::core_header::{FILE_HEADER, PROGRAM_HEADER};
use machine::{KernelState, Machine};
use memblock::PhysRange;

use crate::error::PlanError;

/// The header's buffer is a multiple of this, whatever the size of a page (include/linux/crash_core.h:
/// ELF_CORE_HEADER_ALIGN, 6.12).
const HEADER_UNIT: u64 = 0x1000;
/// In kexec-tools 2.0.25, it is a multiple of this.
const KEXEC_TOOLS_UNIT: u64 = 1024;

/// The number of CPUs assumed in a header if it is not known.
pub(crate) const ASSUMED_CPUS: u64 = 1;

/// The memory reserved for a crash kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashKernel {
    /// Where its segments go: the only area, or the higher of two.
    pub area: PhysRange,
    /// The area below 4 GiB that a crash kernel needs for devices when its own lies above.
    pub low: Option<PhysRange>,
}

impl CrashKernel {
    /// The resources called `Crash kernel`.
    ///
    /// # Errors
    ///
    /// [`PlanError::NoIomem`] or [`PlanError::NoCrashKernel`].
    pub fn of(machine: &Machine) -> Result<Self, PlanError> {
        let tree = machine.resources().ok_or(PlanError::NoIomem)?;
        let areas = tree.resources().iter().filter(|resource| resource.name == "Crash kernel");
        let mut areas = areas.filter_map(|resource| resource.range().ok());
        match (areas.next(), areas.next()) {
            (Some(area), None) => Ok(Self { area, low: None }),
            (Some(low), Some(area)) => Ok(Self { area, low: Some(low) }),
            (None, _) => Err(PlanError::NoCrashKernel),
        }
    }

    /// Its areas, ascending.
    pub fn areas(&self) -> impl Iterator<Item = PhysRange> {
        self.low.into_iter().chain([self.area])
    }
}

/// The size of a crash header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderSize {
    /// Bytes that are loaded.
    pub loaded: u64,
    /// Bytes it has room for, to which it can grow when memory or CPUs are added; not rounded.
    pub room: u64,
}

impl HeaderSize {
    /// The size of the header for a dump of this many ranges.
    ///
    /// It has a program header for the note of each possible CPU, for the kernel's own note (vmcoreinfo), for
    /// the kernel's text, and for each range. A kernel that updates the header itself (CONFIG_CRASH_HOTPLUG)
    /// makes room for the configured maximum: `/sys/kernel/crash_elfcorehdr_size` is 56 bytes for each of 2 +
    /// CONFIG_NR_CPUS_DEFAULT + CONFIG_CRASH_MAX_MEMORY_RANGES headers, to which the file header is added
    /// (arch/x86/kernel/crash.c:crash_load_segments, 6.12).
    ///
    /// # Errors
    ///
    /// [`PlanError::HeaderSize`] when it would be larger than any memory.
    ///
    /// ```
    /// use kexec::HeaderSize;
    /// use machine::KernelState;
    /// let facts = KernelState { crash_elfcorehdr_size: Some(917_616), possible_cpus: Some(2), ..KernelState::default() };
    /// let size = HeaderSize::of(&facts, 4)?;
    /// assert_eq!((size.loaded, size.room), (0x1000, 0xe_00b0));
    /// # Ok::<(), kexec::PlanError>(())
    /// ```
    pub fn of(state: &KernelState, ranges: u64) -> Result<Self, PlanError> {
        let Self { loaded, .. } = Self::in_units(state, ranges, HEADER_UNIT)?;
        let room = match state.crash_elfcorehdr_size {
            Some(size) => size.checked_add(FILE_HEADER.into()).ok_or(PlanError::HeaderSize)?,
            None => loaded,
        };
        Ok(Self { loaded, room })
    }

    /// The same for kexec-tools 2.0.25, which leaves no room to grow.
    pub(crate) fn by_kexec_tools(state: &KernelState, ranges: u64) -> Result<Self, PlanError> {
        Self::in_units(state, ranges, KEXEC_TOOLS_UNIT)
    }

    /// Without room to grow, rounded up to a multiple of `unit` bytes.
    fn in_units(state: &KernelState, ranges: u64, unit: u64) -> Result<Self, PlanError> {
        let loaded = || {
            let cpus = state.possible_cpus.unwrap_or(ASSUMED_CPUS);
            let headers = ranges.checked_add(2)?.checked_add(cpus)?;
            let headers = headers.checked_mul(PROGRAM_HEADER.into())?;
            headers.checked_add(FILE_HEADER.into())?.checked_next_multiple_of(unit)
        };
        let loaded = loaded().ok_or(PlanError::HeaderSize)?;
        Ok(Self { loaded, room: loaded })
    }
}

#[cfg(test)]
mod tests {
    use evidence::Source;
    use machine::Snapshot;

    use super::*;

    fn crash_kernel(iomem: &str) -> Result<CrashKernel, PlanError> {
        let snapshot = Snapshot { iomem: Source::Read(iomem.into()), ..Snapshot::default() };
        CrashKernel::of(&Machine::of(&snapshot).unwrap())
    }

    #[test]
    fn of_two_areas_the_lower_is_for_devices() {
        let iomem = "00100000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n\
                     100000000-17fffffff : System RAM\n  120000000-12fffffff : Crash kernel\n";
        let found = crash_kernel(iomem).unwrap();
        assert_eq!((found.low.unwrap().start(), found.area.start()), (0x1000_0000, 0x1_2000_0000));
        assert_eq!(crash_kernel("00100000-7fffffff : System RAM\n"), Err(PlanError::NoCrashKernel));
    }

    #[test]
    fn without_hotplug_support_the_header_has_no_room_to_grow() {
        let facts = KernelState { possible_cpus: Some(1), ..KernelState::default() };
        let size = HeaderSize::of(&facts, 123).unwrap();
        assert_eq!((size.loaded, size.room), (0x2000, 0x2000));
    }

    #[test]
    fn a_header_of_72_program_headers_fills_a_page() {
        // One for each range and each CPU, one for vmcoreinfo, one for the kernel's text.
        let facts = KernelState { possible_cpus: Some(1), ..KernelState::default() };
        let loaded = |ranges| HeaderSize::of(&facts, ranges).unwrap().loaded;
        assert_eq!((loaded(69), loaded(70)), (0x1000, 0x2000));
    }

    #[test]
    fn sizes_that_wrap_are_refused_and_one_cpu_is_assumed() {
        let facts = KernelState { possible_cpus: Some(u64::MAX), ..KernelState::default() };
        assert_eq!(HeaderSize::of(&facts, 1), Err(PlanError::HeaderSize));
        assert_eq!(HeaderSize::of(&KernelState::default(), 1).unwrap().loaded, 0x1000);
        let facts = KernelState { possible_cpus: Some(1), crash_elfcorehdr_size: Some(u64::MAX), ..facts };
        assert_eq!(HeaderSize::of(&facts, 1), Err(PlanError::HeaderSize));
    }
}
