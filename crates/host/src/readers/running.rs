//! What the running kernel hands on to the next one beyond what a snapshot holds: addresses that hold only for this
//! boot, and random bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use evidence::running::{CrashFiles, RunningError, RunningFiles};
use evidence::snapshot::Bytes;
use evidence::{Purpose, Running, Source};

use crate::error::ReadError;
use crate::readers::{kcore, settings, text};
use crate::root::directory::Directory;
use crate::root::files;
use crate::root::source::nonsense;
use crate::root::tree::{Tree, numbered};

const CPUS: &str = "sys/devices/system/cpu";
const VMCOREINFO: &str = "sys/kernel/vmcoreinfo";
const EFI_TABLES: &str = "sys/firmware/efi/systab";
const KCORE: &str = "/proc/kcore";
/// Blocks until the kernel has enough randomness, since 5.6.
const RANDOM: &str = "/dev/random";

/// Why the running kernel does not show what it has to hand on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunningReadError {
    /// The machine's root could not be opened.
    #[error(transparent)]
    Root(#[from] ReadError),
    /// There are no random bytes.
    #[error("{RANDOM}: {0}; the next kernel is given random bytes from it")]
    Random(io::Error),
    /// A file is missing or damaged.
    #[error(transparent)]
    Running(#[from] RunningError),
}

/// Reads what the running kernel hands on to a kernel that is loaded by kexec_load. Needs root for a crash kernel.
///
/// # Errors
///
/// [`RunningReadError`]: what a dump needs is not shown, or there are no random bytes.
pub fn running(purpose: Purpose) -> Result<Running, RunningReadError> {
    let path = Path::new("/");
    let tree = Directory::live().map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
    let kcore = || File::open(KCORE).and_then(kcore::headers);
    let files = files_of(&tree, purpose, kcore);
    let (mut seed, mut kaslr_seed) = ([0; 32], [0; 8]);
    File::open(RANDOM)
        .and_then(|mut file| file.read_exact(&mut seed).and_then(|()| file.read_exact(&mut kaslr_seed)))
        .map_err(RunningReadError::Random)?;
    Ok(Running::of(&files, seed, kaslr_seed)?)
}

fn files_of(tree: &dyn Tree, purpose: Purpose, kcore: impl FnOnce() -> io::Result<Vec<u8>>) -> RunningFiles {
    let crash = (purpose == Purpose::Crash).then(|| CrashFiles {
        cpu_notes: cpu_notes(tree),
        vmcoreinfo: text::value(tree, VMCOREINFO),
        kcore: match kcore() {
            Ok(bytes) => Source::Read(Bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Source::Missing,
            Err(error) => {
                nonsense(format!("{KCORE}: {error}; run as root (a kernel in lockdown refuses even root)"))
            }
        },
    });
    RunningFiles {
        zero_page: settings::bytes(tree, files::BOOT_PARAMS),
        efi_tables: text::whole(tree, EFI_TABLES),
        crash,
    }
}

/// `crash_notes` and `crash_notes_size` of each CPU that the kernel shows, by number.
fn cpu_notes(tree: &dyn Tree) -> Vec<[Source<String>; 2]> {
    let Source::Read(entries) = tree.list(CPUS) else { return Vec::new() };
    let mut cpus: Vec<u32> = entries.iter().filter_map(|entry| numbered(&entry.name, "cpu")).collect();
    cpus.sort_unstable();
    let file = |cpu: u32, name: &str| text::value(tree, &format!("{CPUS}/cpu{cpu}/{name}"));
    cpus.into_iter().map(|cpu| [file(cpu, "crash_notes"), file(cpu, "crash_notes_size")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    fn tree() -> Archive {
        let mut archive = Archive::default();
        for (path, text) in [
            ("sys/devices/system/cpu/cpu10/crash_notes", "3000\n"),
            ("sys/devices/system/cpu/cpu10/crash_notes_size", "360\n"),
            ("sys/devices/system/cpu/cpu2/crash_notes", "2000\n"),
            ("sys/devices/system/cpu/cpu2/crash_notes_size", "360\n"),
            ("sys/devices/system/cpu/possible", "0-10\n"),
            ("sys/kernel/vmcoreinfo", "0x0000000100c66000 1024\n"),
            ("sys/firmware/efi/systab", "ACPI20=0x7fb7e014\n"),
        ] {
            archive.insert(path.to_owned(), Node::File(text.into()));
        }
        archive
    }

    fn kcore() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[0x10], bytes[0x20], bytes[0x36], bytes[0x38]) = (4, 64, 56, 1);
        let words: [u64; 7] = [1, 0x1000, 0xffff_8880_0010_0000, 0x10_0000, 0x1000, 0x1000, 0];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    #[test]
    fn notes_are_read_by_the_number_of_the_cpu() {
        let files = files_of(&tree(), Purpose::Crash, || Ok(kcore()));
        let running = Running::of(&files, [0; 32], [0; 8]).unwrap();
        let crash = running.crash.unwrap();
        let starts: Vec<u64> = crash.cpu_notes.iter().map(|note| note.start()).collect();
        assert_eq!(starts, [0x2000, 0x3000]);
        assert_eq!((crash.page_offset, running.acpi_rsdp), (0xffff_8880_0000_0000, Some(0x7fb7_e014)));
    }

    #[test]
    fn a_reboot_opens_no_kcore_and_reads_no_notes() {
        let files = files_of(&tree(), Purpose::Reboot, || panic!("it was opened"));
        assert_eq!(files.crash, None);
        assert_eq!(files.efi_tables, Source::Read("ACPI20=0x7fb7e014\n".into()));
    }

    #[test]
    fn a_kernel_that_refuses_kcore_is_quoted() {
        let refused = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let files = files_of(&tree(), Purpose::Crash, refused);
        let error = Running::of(&files, [0; 32], [0; 8]).unwrap_err().to_string();
        assert!(error.contains("/proc/kcore") && error.contains("root"), "{error}");
    }
}
