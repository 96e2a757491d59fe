//! Memory for a crash kernel: `crashkernel=` in all its forms.

mod error;
mod text;

pub use error::CrashkernelError;
use text::{Size, find_last, parse_plain, parse_suffixed};

use crate::arch::{Architecture, CrashLow};
use crate::command_line::values::remark::Remarks;
use crate::releases::{AutoCrashkernel, Target, auto_crashkernel, is_known};

const SOURCE: &str = "kernel/crash_reserve.c:parse_crashkernel (6.12)";

/// The `crashkernel=` values on a command line, not yet compared with the machine's memory.
///
/// The kernel does not read them as parameters: it searches the whole line for the text `crashkernel=`, even after `--`
/// and inside other words, takes the value up to the next space, and ignores quoting. The last value of each kind
/// counts. The suffix determines the kind: `,high`, `,low`, `,cma` where supported, otherwise plain.
///
/// ```
/// use machine::command_line::crashkernel::{CrashkernelError, LowMemory};
/// use machine::command_line::BootParameters;
/// use machine::{Architecture, Release};
///
/// let parse = |line| BootParameters::parse(line, Architecture::X86_64, &machine::releases::checked()).crashkernel;
/// let request = parse("crashkernel=1G-4G:192M,4G-:256M").request(8 << 30)?;
/// assert_eq!((request.size, request.base, request.high), (256 << 20, None, false));
///
/// let request = parse("crashkernel=1G,high crashkernel=0,low").request(8 << 30)?;
/// assert_eq!((request.high, request.low), (true, LowMemory::Bytes(0)));
///
/// assert_eq!(parse("crashkernel=4G-:256M").request(2 << 30), Err(CrashkernelError::Zero));
/// # Ok::<(), CrashkernelError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crashkernel {
    /// The last value without a known suffix, e.g. `256M` or `1G-:256M`.
    pub plain: Option<String>,
    /// The last value that ends in `,high`.
    pub high: Option<String>,
    /// The last value that ends in `,low`.
    pub low: Option<String>,
    /// The last value that ends in `,cma`, if the kernel supports it.
    pub cma: Option<String>,
    /// What `auto` stands for; `None` if it is not given, or if this kernel does not know it.
    pub auto: Option<AutoCrashkernel>,
    /// Whether `,high` also counts if the plain value is malformed or 0 (x86 before 6.7).
    pub falls_back_to_high: bool,
}

/// What is to be reserved. Whether it fits is a separate question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashkernelRequest {
    /// Bytes, at least 1.
    pub size: u64,
    /// The required address; `None` or address 0 leaves it to the kernel.
    pub base: Option<u64>,
    /// `,high`: try above 4 GiB (x86) or the DMA limit (arm64) first, then below. Without `,high` and without a base,
    /// the order is reversed.
    pub high: bool,
    /// The additional low reservation, if the main part ends up high.
    pub low: LowMemory,
    /// Additional bytes for `,cma`, which stay usable for movable pages; the kernel settles for less, in up to four
    /// pieces.
    pub cma: Option<u64>,
}

/// The additional low part of a high reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowMemory {
    /// The size from [`default_low_size`].
    Default,
    /// This many bytes; none if 0 (`crashkernel=0,low`).
    Bytes(u64),
}

/// How much low memory accompanies a high reservation without `,low`: on x86 the swiotlb size plus 8 MiB, but at least
/// 256 MiB (`arch/x86/include/asm/crash_reserve.h:crash_low_size_default`, 6.12); on arm64 128 MiB. `swiotlb` is in
/// bytes ([`crate::command_line::swiotlb::Swiotlb::size`]), and so is the result.
///
/// ```
/// use machine::{Architecture, command_line::crashkernel::default_low_size};
/// assert_eq!(default_low_size(Architecture::X86_64, 64 << 20), 256 << 20);
/// assert_eq!(default_low_size(Architecture::X86_64, 512 << 20), 520 << 20);
/// ```
pub fn default_low_size(architecture: Architecture, swiotlb: u64) -> u64 {
    let CrashLow { least, beside_swiotlb } = architecture.facts().crash_low;
    beside_swiotlb.map_or(least, |more| swiotlb.saturating_add(more).max(least))
}

impl Crashkernel {
    /// Finds the values in a whole command line.
    pub(super) fn parse(command_line: &str, target: &Target, remarks: &mut Remarks) -> Self {
        let knows_cma = is_known("crashkernel=,cma", target);
        let suffixes: &[&str] = if knows_cma { &[",high", ",low", ",cma"] } else { &[",high", ",low"] };
        let reserves_cma = is_known("crashkernel=,cma is reserved", target);
        let last = |suffix| find_last(command_line, suffix, suffixes).map(str::to_owned);
        let this = Self {
            plain: last(None),
            high: last(Some(",high")),
            low: last(Some(",low")),
            cma: last(Some(",cma")).filter(|_| reserves_cma),
            auto: auto_crashkernel(target)
                .filter(|_| last(None).is_some_and(|value| value.starts_with("auto"))),
            falls_back_to_high: !is_known("crashkernel=,high only without a plain one", target),
        };
        this.remark(remarks);
        if let Some(cma) = last(Some(",cma")).filter(|_| knows_cma && !reserves_cma) {
            remarks.current = format!("crashkernel={cma}");
            remarks.say("ignored in silence: `,cma` is reserved on x86 only", SOURCE);
        }
        this
    }

    fn remark(&self, remarks: &mut Remarks) {
        let mut on = |value: &Option<String>, what: &str| {
            if let Some(value) = value {
                remarks.current = format!("crashkernel={value}");
                remarks.say(what, SOURCE);
            }
        };
        let unknown_cma = self.plain.clone().filter(|value| value.ends_with(",cma"));
        let hides_others = !self.falls_back_to_high && self.plain.is_some();
        if unknown_cma.is_some() {
            let cma = "`,cma` is not known to this kernel: it takes this for the last plain value, finds it \
                       malformed, and reserves nothing";
            on(&unknown_cma, cma);
        }
        if hides_others {
            on(&self.high, "ignored: a crashkernel= without suffix is given");
            on(&self.low, "ignored: a crashkernel= without suffix is given");
        } else if self.high.is_none() && self.plain.is_none() {
            on(&self.low, "ignored: it goes with `,high` only, which is not given");
        }
        // A huge total, so that only the syntax of the values is checked.
        let error = self.request(1 << 62).err();
        let known = [CrashkernelError::NotGiven, CrashkernelError::Zero];
        if let Some(error) = error.filter(|error| unknown_cma.is_none() && !known.contains(error)) {
            let value = if hides_others || self.high.is_none() { &self.plain } else { &self.high };
            on(value, &format!("nothing is reserved: {error}"));
        }
    }

    /// The request for a machine with this much memory, in bytes: all of memblock's `memory`, which is what
    /// `memblock_phys_mem_size` counts on x86 and arm64. It is rounded up to 128 MiB and compared with the ranges; the
    /// first range that contains it counts. Later ranges are not even read, except for an `@`.
    ///
    /// # Errors
    ///
    /// [`CrashkernelError`], which says why nothing is reserved.
    pub fn request(&self, total_ram: u64) -> Result<CrashkernelRequest, CrashkernelError> {
        let plain = match self.auto {
            Some(AutoCrashkernel::Value(value)) => Some(parse_plain(value, total_ram)),
            Some(AutoCrashkernel::Grows { from, base }) => Some(Ok(grown(from, base, total_ram))),
            None => self.plain.as_deref().map(|value| parse_plain(value, total_ram)),
        };
        let plain = match plain {
            Some(Ok(Size { bytes: 0, .. }) | Err(_)) if self.falls_back_to_high && self.high.is_some() => {
                None
            }
            plain => plain,
        };
        let mut is_high = false;
        let (size, base, low) = if let Some(plain) = plain {
            let Size { bytes, base } = plain?;
            // Before 6.7, x86 reads `,low` whatever the main part is.
            let low = if self.falls_back_to_high { self.low_part().ok() } else { None };
            (bytes, base, low)
        } else {
            let high = self.high.as_deref().ok_or(CrashkernelError::NotGiven)?;
            is_high = true;
            (parse_suffixed(high, ",high")?, 0, Some(self.low_part()?))
        };
        if size == 0 {
            return Err(CrashkernelError::ZeroSize);
        }
        if size >= total_ram {
            return Err(CrashkernelError::TooLarge { size, total: total_ram });
        }
        let cma = self.cma.as_deref().and_then(|value| parse_suffixed(value, ",cma").ok());
        Ok(CrashkernelRequest {
            size,
            base: Some(base).filter(|&base| base != 0),
            high: is_high,
            low: low.unwrap_or(LowMemory::Default),
            cma: cma.filter(|&bytes| bytes != 0),
        })
    }

    fn low_part(&self) -> Result<LowMemory, CrashkernelError> {
        let Some(low) = &self.low else {
            return Ok(LowMemory::Default);
        };
        match parse_suffixed(low, ",low") {
            Ok(bytes) => Ok(LowMemory::Bytes(bytes)),
            // For a malformed `,low`, x86 before 6.7 uses the default; later kernels reserve nothing at all.
            Err(_) if self.falls_back_to_high => Ok(LowMemory::Default),
            Err(error) => Err(error),
        }
    }
}

/// `base` MiB and 64 MiB for each TiB of memory, in whole MiB; nothing below `from` bytes.
fn grown(from: u64, base: u64, total_ram: u64) -> Size {
    // Firmware keeps some memory for itself: a machine of 2 GiB shows a little less.
    let is_enough = total_ram.saturating_add(128 << 20) > from;
    let mib = base.saturating_add((total_ram >> 14).div_ceil(1 << 20));
    Size { bytes: if is_enough { mib << 20 } else { 0 }, base: 0 }
}

#[cfg(test)]
mod tests;
