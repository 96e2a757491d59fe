//! What a running kernel hands on to the next one when a program calls kexec_load: addresses in it that no plan needs,
//! and that hold only for this boot.

pub mod kcore;
#[cfg(test)]
mod tests;

use memblock::PhysRange;

use crate::snapshot::Bytes;
use crate::source::Source;

/// What the running kernel hands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The running kernel's own boot parameters (x86), `/sys/kernel/boot_params/data`: the screen's mode is handed on.
    pub zero_page: Option<Vec<u8>>,
    /// Where ACPI's root pointer lies, if the boot parameters do not say: after an EFI boot.
    pub acpi_rsdp: Option<u64>,
    /// Random bytes for the next kernel. Never to be used twice.
    pub seed: [u8; 32],
    /// Random bytes from which an arm64 kernel chooses its addresses. Never to be used twice.
    pub kaslr_seed: [u8; 8],
    /// What the header of a dump needs; `None` if it is not for a crash kernel.
    pub crash: Option<RunningCrash>,
}

/// What the header of a dump says about the kernel that crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningCrash {
    /// Where each CPU leaves its registers: `/sys/devices/system/cpu/cpuN/crash_notes` and `crash_notes_size`, by the
    /// number of the CPU.
    pub cpu_notes: Vec<PhysRange>,
    /// The kernel's own note, `/sys/kernel/vmcoreinfo`.
    pub vmcoreinfo: PhysRange,
    /// What is added to a physical address to get where the kernel maps all memory.
    pub page_offset: u64,
    /// The kernel's text, which is mapped a second time; `None` if nothing shows it.
    pub text: Option<KernelText>,
}

/// Where the kernel's text lies, and where it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelText {
    /// Physical addresses.
    pub memory: PhysRange,
    /// The virtual address of the first byte.
    pub virtual_address: u64,
}

/// The files that show it, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningFiles {
    /// `/sys/kernel/boot_params/data`.
    pub zero_page: Source<Bytes>,
    /// `/sys/firmware/efi/systab`, on a machine that booted with EFI.
    pub efi_tables: Source<String>,
    /// What only the header of a dump needs.
    pub crash: Option<CrashFiles>,
}

/// The files that the header of a dump is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashFiles {
    /// `crash_notes` and `crash_notes_size` of each CPU, by the number of the CPU.
    pub cpu_notes: Vec<[Source<String>; 2]>,
    /// `/sys/kernel/vmcoreinfo`.
    pub vmcoreinfo: Source<String>,
    /// The ELF header and the program headers at the start of `/proc/kcore`.
    pub kcore: Source<Bytes>,
}

/// Why a running kernel does not show what it has to hand on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunningError {
    /// A file was not there, or not readable.
    #[error("{what}, which a dump needs: {why}")]
    Unread {
        /// The file.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A file has something else in it.
    #[error("{file}: found `{found}`; expected {expected}")]
    Value {
        /// The file.
        file: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// /proc/kcore does not show where all memory is mapped.
    #[error(
        "/proc/kcore has no program header of RAM with its physical address, which shows where all memory is mapped"
    )]
    NoDirectMap,
}

const NOTES: &str = "/sys/devices/system/cpu/cpuN/crash_notes";
const NOTES_SIZE: &str = "/sys/devices/system/cpu/cpuN/crash_notes_size";
const VMCOREINFO: &str = "/sys/kernel/vmcoreinfo";
const KCORE: &str = "/proc/kcore";

impl Running {
    /// What the files say. `seed` and `kaslr_seed` are random bytes.
    ///
    /// # Errors
    ///
    /// [`RunningError`], only for what the header of a dump needs.
    pub fn of(files: &RunningFiles, seed: [u8; 32], kaslr_seed: [u8; 8]) -> Result<Self, RunningError> {
        Ok(Self {
            zero_page: files.zero_page.read().map(|bytes| bytes.0.clone()),
            acpi_rsdp: files.efi_tables.read().and_then(|text| rsdp(text)),
            seed,
            kaslr_seed,
            crash: files.crash.as_ref().map(RunningCrash::of).transpose()?,
        })
    }
}

impl RunningCrash {
    fn of(files: &CrashFiles) -> Result<Self, RunningError> {
        let kcore = required(KCORE, &files.kcore)?;
        let segments = kcore::segments(&kcore.0).ok_or_else(|| RunningError::Value {
            file: KCORE,
            found: format!("{:02x?}", kcore.0.get(..20).unwrap_or(&kcore.0)),
            expected: "the header of a 64-bit ELF core file and its program headers",
        })?;
        let ram = segments.iter().find(|segment| !segment.is_text(&segments));
        let ram = ram.ok_or(RunningError::NoDirectMap)?;
        let text = segments.iter().find(|segment| segment.is_text(&segments));
        let notes = files.cpu_notes.iter().map(|[address, size]| note(address, size));
        let cpu_notes = notes.collect::<Result<Vec<_>, _>>()?;
        if cpu_notes.is_empty() {
            return Err(RunningError::Unread { what: NOTES, why: "no CPU has one".to_owned() });
        }
        Ok(Self {
            cpu_notes,
            vmcoreinfo: vmcoreinfo(required(VMCOREINFO, &files.vmcoreinfo)?)?,
            page_offset: ram.offset(),
            text: text.map(|text| KernelText { memory: text.memory, virtual_address: text.virtual_address }),
        })
    }
}

fn required<'a, T>(what: &'static str, source: &'a Source<T>) -> Result<&'a T, RunningError> {
    match source {
        Source::Read(value) => Ok(value),
        Source::Missing => Err(RunningError::Unread { what, why: "there is no such file".to_owned() }),
        Source::Unreadable { why, .. } => Err(RunningError::Unread { what, why: why.clone() }),
    }
}

/// Where a CPU leaves its registers: a hexadecimal address, and a decimal size (drivers/base/cpu.c:crash_notes_show and
/// crash_notes_size_show, 6.12).
fn note(address: &Source<String>, size: &Source<String>) -> Result<PhysRange, RunningError> {
    let (address, size) = (required(NOTES, address)?, required(NOTES_SIZE, size)?);
    let range = || PhysRange::from_size(hexadecimal(address)?, size.trim().parse().ok()?).ok();
    range().ok_or_else(|| RunningError::Value {
        file: NOTES,
        found: format!("{} and {}", address.trim(), size.trim()),
        expected: "a hexadecimal address and a size in bytes",
    })
}

/// The kernel's own note: address and size, both hexadecimal (kernel/ksysfs.c:vmcoreinfo_show, 6.12).
fn vmcoreinfo(text: &str) -> Result<PhysRange, RunningError> {
    let mut words = text.split_whitespace();
    let mut range = || PhysRange::from_size(hexadecimal(words.next()?)?, hexadecimal(words.next()?)?).ok();
    range().ok_or_else(|| RunningError::Value {
        file: VMCOREINFO,
        found: text.trim().to_owned(),
        expected: "an address and a size, both hexadecimal",
    })
}

fn hexadecimal(text: &str) -> Option<u64> {
    let text = text.trim();
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// `ACPI20=0x7fb7e014`, or `ACPI=` of an older firmware (Documentation/ABI/testing/sysfs-firmware-efi).
fn rsdp(text: &str) -> Option<u64> {
    let of = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').and_then(hexadecimal))
    };
    of("ACPI20").or_else(|| of("ACPI"))
}
