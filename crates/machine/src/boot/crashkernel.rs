//! The crash kernel reservation, with its fallbacks.

use memblock::{PhysRange, Request};

use crate::arch::Architecture;
use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;
use crate::command_line::crashkernel::{CrashkernelError, CrashkernelRequest, LowMemory, default_low_size};
use crate::releases::{
    CRASHKERNEL_FALLS_BACK_HIGH, CRASHKERNEL_FALLS_BACK_LOW, CRASHKERNEL_IS_X86S_OWN,
    CRASHKERNEL_REACHES_4_GIB, Target, is_known, searches_crashkernel_upwards,
};

/// Where the search for low memory ends on x86 before 5.2 (CRASH_ADDR_LOW_MAX): old versions of kexec-tools reach no
/// further.
const MIB_896: u64 = 896 << 20;

/// Where an architecture places crash kernels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) architecture: Architecture,
    /// Alignment of every reservation (`CRASH_ALIGN`).
    pub(crate) align: u64,
    /// First address that is not low (`CRASH_ADDR_LOW_MAX`).
    pub(crate) low_end: u64,
    /// First address that cannot be reserved (`CRASH_ADDR_HIGH_MAX`).
    pub(crate) high_end: u64,
}

/// Where the release looks next if its first choice has no room.
#[derive(Clone, Copy, Debug)]
struct FallBack {
    to_high: bool,
    to_low: bool,
    /// x86 before 6.7: a fixed address is aligned to 1 MiB only, and all that ends up high needs low memory beside it,
    /// as much as `,low` says.
    is_x86s_own: bool,
    /// Where the search for low memory ends, if before the policy's end of low memory.
    low_ends: Option<u64>,
}

/// What x86 aligns a fixed address to with code of its own.
const MIB: u64 = 1 << 20;

/// One reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashArea {
    /// The addresses.
    pub range: PhysRange,
    /// Whether it is for the crash kernel itself (`crashk_res`), or the low memory it additionally needs
    /// (`crashk_low_res`).
    pub is_main: bool,
}

impl CrashArea {
    /// The name of its kernel resource.
    pub const fn resource(&self) -> &'static str {
        if self.is_main { "crashk_res" } else { "crashk_low_res" }
    }
}

/// The outcome of `crashkernel=`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crashkernel {
    /// The reservation below the low limit: 4 GiB on x86, the DMA limit on arm64.
    pub low: Option<CrashArea>,
    /// The reservation above the limit.
    pub high: Option<CrashArea>,
    /// The contiguous areas of `crashkernel=SIZE,cma`, which the running kernel uses and no dump contains, in the order
    /// in which they were made.
    pub cma: Vec<PhysRange>,
    /// Why nothing was reserved, in the kernel's words if it prints any; also `None` if nothing was requested.
    pub error: Option<String>,
    /// Whether the kernel does not print this error.
    pub is_silent: bool,
}

impl Crashkernel {
    /// The crash kernel's own range.
    pub fn main(&self) -> Option<PhysRange> {
        [self.low, self.high].into_iter().flatten().find(|area| area.is_main).map(|area| area.range)
    }

    /// The outcome as the log shows it: without errors that the kernel does not print, and without contiguous areas,
    /// which are compared as reserved regions.
    pub(crate) fn as_printed(&self) -> Self {
        let error = self.error.clone().filter(|_| !self.is_silent);
        Self { error, cma: Vec::new(), ..self.clone() }
    }

    fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

const STEP: Step = Step {
    name: "reserve_crashkernel_generic",
    source: "kernel/crash_reserve.c:reserve_crashkernel_generic (6.12)",
};

/// A window to search, and why.
struct Window {
    start: u64,
    end: u64,
    why: &'static str,
    /// Additional low memory this window requires.
    low: u64,
}

/// Reserves what `crashkernel=` requests on a machine with this much memory.
pub(crate) fn reserve(
    early: &mut Early<'_>,
    policy: &Policy,
    input: &BootInput,
    parameters: &BootParameters,
    memory_size: u64,
) -> Result<Crashkernel, Halt> {
    early.begin(STEP);
    let wanted = match parameters.crashkernel.request(memory_size) {
        Ok(wanted) => wanted,
        Err(CrashkernelError::NotGiven) => return Ok(Crashkernel::default()),
        Err(error) => {
            early.note("no crash kernel", error.to_string());
            let is_silent = !error.is_printed();
            return Ok(Crashkernel { is_silent, ..Crashkernel::failed(error.to_string()) });
        }
    };
    let default_low = default_low_size(policy.architecture, parameters.swiotlb.size());
    let target = Target::new(policy.architecture, input.release.clone());
    let fall_back = FallBack {
        to_high: is_known(CRASHKERNEL_FALLS_BACK_HIGH, &target),
        to_low: is_known(CRASHKERNEL_FALLS_BACK_LOW, &target),
        is_x86s_own: is_known(CRASHKERNEL_IS_X86S_OWN, &target),
        low_ends: (!is_known(CRASHKERNEL_REACHES_4_GIB, &target)).then_some(MIB_896),
    };
    if !searches_crashkernel_upwards(&target) {
        return place(early, policy, &wanted, default_low, fall_back);
    }
    let is_bottom_up = early.memblock.bottom_up();
    early.memblock.set_bottom_up(true);
    let placed = place(early, policy, &wanted, default_low, fall_back);
    early.memblock.set_bottom_up(is_bottom_up);
    placed
}

/// Finds a place: exactly there with `@offset`; otherwise below the low limit first and then above, or the reverse with
/// `,high`. A high reservation also needs some low memory, and is released if there is none.
fn place(
    early: &mut Early<'_>,
    policy: &Policy,
    wanted: &CrashkernelRequest,
    default_low: u64,
    fall_back: FallBack,
) -> Result<Crashkernel, Halt> {
    let (size, low_end) = (wanted.size, policy.low_end);
    let beside = match wanted.low {
        LowMemory::Default => default_low,
        LowMemory::Bytes(bytes) => bytes,
    };
    let low_window = fall_back.low_ends.unwrap_or(low_end);
    let low = |why| Window { start: 0, end: low_window, why, low: beside };
    let high = |why, low| Window { start: low_end, end: policy.high_end, why, low };
    let (first, second) = if let Some(base) = wanted.base {
        let end = base.saturating_add(size);
        let low = if fall_back.is_x86s_own { beside } else { 0 };
        (Window { start: base, end, why: "the command line gives the address", low }, None)
    } else if wanted.high {
        let second = fall_back.to_low.then(|| low("nothing fits above"));
        (high("high memory is asked for", beside), second)
    } else {
        let second = fall_back
            .to_high
            .then(|| high("nothing fits below", if fall_back.is_x86s_own { beside } else { default_low }));
        (low("low memory first"), second)
    };
    let align = if fall_back.is_x86s_own && wanted.base.is_some() { MIB } else { policy.align };
    let mut found = None;
    for window in [Some(first), second].into_iter().flatten() {
        let request = Request { align, min: window.start, max: Some(window.end), ..Request::new(size) };
        if let Some(range) = early.try_alloc(&request, window.why)? {
            found = Some((range, window));
            break;
        }
    }
    let Some((range, window)) = found else {
        return Ok(Crashkernel::failed(match wanted.base {
            Some(_) => "crashkernel reservation failed - memory is in use.".into(),
            None if fall_back.is_x86s_own => {
                "crashkernel reservation failed - No suitable area found.".into()
            }
            None => format!("cannot allocate crashkernel (size:{size:#x})"),
        }));
    };
    let main = CrashArea { range, is_main: true };
    if range.start() < low_end {
        early.note(format!("crashkernel reserved: [{range}]"), "low memory: nothing is needed beside it");
        return Ok(Crashkernel { low: Some(main), ..Crashkernel::default() });
    }
    let mut low = None;
    if window.low > 0 {
        let request = Request { align: policy.align, max: Some(low_end), ..Request::new(window.low) };
        let Some(range) = early.try_alloc(&request, "low memory for devices, beside a crash kernel above")?
        else {
            early.free(range, "without low memory a crash kernel above is of no use")?;
            return Ok(Crashkernel::failed(if fall_back.is_x86s_own {
                let size = window.low >> 20;
                format!("Cannot reserve {size}MB crashkernel low memory, please try smaller size.")
            } else {
                format!("cannot allocate crashkernel low memory (size:{:#x}).", window.low)
            }));
        };
        low = Some(CrashArea { range, is_main: false });
    }
    early.note(format!("crashkernel reserved: [{range}]"), window.why);
    Ok(Crashkernel { low, high: Some(main), ..Crashkernel::default() })
}

#[cfg(test)]
mod tests {
    use memblock::Memblock;

    use super::*;

    const GIB: u64 = 1 << 30;
    const POLICY: Policy =
        Policy { architecture: Architecture::X86_64, align: 16 * MIB, low_end: 4 * GIB, high_end: 64 << 40 };
    const BOTH: FallBack = FallBack { to_high: true, to_low: true, low_ends: None, is_x86s_own: false };

    /// 3 GiB below 4 GiB, and `high` bytes above.
    fn reserved(high: u64, wanted: CrashkernelRequest) -> Crashkernel {
        reserved_with(BOTH, high, wanted)
    }

    fn reserved_with(fall_back: FallBack, high: u64, wanted: CrashkernelRequest) -> Crashkernel {
        let mut memblock = Memblock::new();
        memblock.add(PhysRange::new(MIB, 3 * GIB).unwrap()).unwrap();
        if high > 0 {
            memblock.add(PhysRange::from_size(4 * GIB, high).unwrap()).unwrap();
        }
        let mut early = Early::new(memblock);
        let before = early.memblock.reserved_size();
        let result = place(&mut early, &POLICY, &wanted, 256 * MIB, fall_back).unwrap();
        let areas = [result.low, result.high].into_iter().flatten();
        let bytes: u64 = areas.map(|area| area.range.size()).sum();
        assert_eq!(early.memblock.reserved_size() - before, bytes, "nothing is left behind");
        result
    }

    const PLAIN: CrashkernelRequest =
        CrashkernelRequest { size: 256 * MIB, base: None, high: false, low: LowMemory::Default, cma: None };

    fn area(start: u64, size: u64, is_main: bool) -> Option<CrashArea> {
        PhysRange::from_size(start, size).ok().map(|range| CrashArea { range, is_main })
    }

    #[test]
    fn a_plain_size_goes_to_the_top_of_low_memory() {
        let result = reserved(2 * GIB, PLAIN);
        let low = area(3 * GIB - 256 * MIB, 256 * MIB, true);
        assert_eq!(result, Crashkernel { low, ..Crashkernel::default() });
    }

    #[test]
    fn a_size_too_large_for_low_memory_goes_high_with_some_low_memory() {
        let result = reserved(4 * GIB, CrashkernelRequest { size: 3500 * MIB, ..PLAIN });
        assert_eq!(result.low, area(3 * GIB - 256 * MIB, 256 * MIB, false));
        assert_eq!(result.main().map(PhysRange::size), Some(3500 * MIB));
        assert_eq!(
            reserved(2 * GIB, CrashkernelRequest { size: 3500 * MIB, ..PLAIN }).error.unwrap(),
            "cannot allocate crashkernel (size:0xdac00000)"
        );
    }

    #[test]
    fn high_falls_back_to_low_memory_and_needs_nothing_more_there() {
        let result = reserved(0, CrashkernelRequest { high: true, ..PLAIN });
        assert_eq!(
            result,
            Crashkernel { low: area(3 * GIB - 256 * MIB, 256 * MIB, true), ..Crashkernel::default() }
        );
    }

    #[test]
    fn no_low_memory_is_reserved_if_none_is_wanted() {
        let result = reserved(2 * GIB, CrashkernelRequest { high: true, low: LowMemory::Bytes(0), ..PLAIN });
        assert_eq!((result.low, result.main().is_some()), (None, true));
    }

    #[test]
    fn an_address_is_used_exactly_or_not_at_all() {
        let at = |base| reserved(0, CrashkernelRequest { base: Some(base), ..PLAIN });
        assert_eq!(at(512 * MIB).main().map(PhysRange::start), Some(512 * MIB));
        assert_eq!(at(512 * MIB + 4096).error.unwrap(), "crashkernel reservation failed - memory is in use.");
    }

    #[test]
    fn before_6_7_x86_takes_addresses_at_1_mib_and_low_memory_beside_all_that_is_high() {
        let old = FallBack { is_x86s_own: true, ..BOTH };
        let at =
            |base, low| reserved_with(old, 2 * GIB, CrashkernelRequest { base: Some(base), low, ..PLAIN });
        assert_eq!(at(700 * MIB, LowMemory::Default).low, area(700 * MIB, 256 * MIB, true));
        assert_eq!(reserved(0, CrashkernelRequest { base: Some(700 * MIB), ..PLAIN }).main(), None);
        let beside = at(5 * GIB, LowMemory::Bytes(64 * MIB));
        assert_eq!(beside.low, area(3 * GIB - 64 * MIB, 64 * MIB, false));
        let nowhere = reserved_with(old, 0, CrashkernelRequest { size: 4 * GIB, ..PLAIN });
        assert_eq!(nowhere.error.unwrap(), "crashkernel reservation failed - No suitable area found.");
    }

    #[test]
    fn without_low_memory_the_high_reservation_is_released() {
        let result =
            reserved(2 * GIB, CrashkernelRequest { high: true, low: LowMemory::Bytes(4 * GIB), ..PLAIN });
        assert_eq!(result.error.unwrap(), "cannot allocate crashkernel low memory (size:0x100000000).");
    }
}
