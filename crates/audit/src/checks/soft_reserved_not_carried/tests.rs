use evidence::Source;
use machine::Snapshot;

use crate::finding::Code;

use crate::testing::{found, r, reboot_load, set, the, x86};

const CODE: Code = Code::SoftReservedNotCarried;
const IOMEM: &str =
    "00100000-3fffffff : System RAM\n40000000-5fffffff : Soft Reserved\n60000000-7fffffff : System RAM\n";

/// The machine with this on its command line, and a kernel loaded with that.
fn loaded_with(here: &str, there: &str) -> Snapshot {
    let log = reboot_load(r(0x1000_0000, 0x1010_0000), r(0x10_0000, 0x8000_0000));
    let mut snapshot = x86(IOMEM, &log.replace("quiet", there), &[]);
    snapshot.command_line = Source::Read(here.into());
    snapshot
}

const MADE: &str = "memmap=512M%1G-1+0xefffffff";

#[test]
fn a_kernel_that_is_not_told_again_takes_it_for_ram() {
    let finding = the(&loaded_with(MADE, "quiet"), CODE);
    assert!(finding.evidence[0].starts_with("40000000-5fffffff (512M)"), "{finding:?}");
    assert!(finding.remedy.ends_with(MADE), "{finding:?}");
}

#[test]
fn a_line_that_makes_it_again_carries_it_however_it_is_written() {
    assert_eq!(found(&loaded_with(MADE, MADE), CODE), []);
    assert_eq!(found(&loaded_with(MADE, "memmap=0x20000000%0x40000000-1+0xefffffff"), CODE), []);
    let half = the(&loaded_with(MADE, "memmap=256M%1G-1+0xefffffff"), CODE);
    assert!(half.evidence[0].starts_with("50000000-5fffffff (256M)"), "{half:?}");
    let fake = "efi_fake_mem=512M@1G:0x40000";
    assert_eq!(found(&loaded_with(fake, fake), CODE), []);
    assert_eq!(found(&loaded_with(fake, "quiet"), CODE).len(), 1);
}

#[test]
fn with_nothing_loaded_it_is_said_of_a_load_to_come() {
    let mut snapshot = loaded_with(MADE, MADE);
    set(&mut snapshot, "kexec_loaded", "0");
    assert!(the(&snapshot, CODE).what.starts_with("a kernel that is loaded without it"));
}

#[test]
fn what_the_firmware_itself_calls_so_is_told() {
    let mut snapshot = loaded_with("quiet", "quiet");
    let map = "BIOS-provided physical RAM map:\nBIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n\
               BIOS-e820: [mem 0x0000000040000000-0x000000005fffffff] soft reserved\n\
               BIOS-e820: [mem 0x0000000060000000-0x000000007fffffff] usable\n";
    snapshot.kernel_log = Source::Read(map.into());
    set(&mut snapshot, "kexec_loaded", "0");
    assert_eq!(found(&snapshot, CODE), []);
}
