use std::fmt::Write;

use super::*;

/// An EFI boot with `efi=debug` and `runtime` entries in the runtime map.
fn boot(rsdp: u64, runtime: u64) -> String {
    let mut log = format!(
        "[    0.000000] Linux version 6.12.1 (builder)\n[    0.000000] efi: EFI v2.7 by EDK II\n\
         [    0.000000] efi: ACPI 2.0={rsdp:#x}\n[    0.100000] efi: EFI runtime memory map:\n"
    );
    for number in 0..runtime {
        writeln!(
            log,
            "[    0.100000] efi: mem{number:02}: [Runtime Data|RUN|  |  |  |  |  |  |  |  |  |   |WB|WT|WC|UC] \
             range=[{:#018x}-{:#018x}] (0MB)",
            number << 12,
            (number << 12) + 0xfff
        )
        .unwrap();
    }
    log
}

#[test]
fn in_a_log_of_two_boots_the_last_counts_and_maps_do_not_add_up() {
    let alone = BootLog::of(&boot(0x2000, 3));
    assert_eq!((alone.efi.runtime_entries, alone.efi.table("ACPI 2.0")), (3, Some(0x2000)));
    assert_eq!(BootLog::of(&(boot(0x1000, 5) + &boot(0x2000, 3))), alone);
}

#[test]
fn only_a_log_from_the_start_of_boot_can_show_that_there_are_no_random_numbers() {
    let banner = "[    0.0] Linux version 6.12\n";
    let has = |log: &str| BootLog::of(log).has_random_numbers;
    assert_eq!(has(banner), Some(false));
    assert_eq!(has(&format!("{banner}[    0.0] random: crng init done\n")), Some(true));
    assert_eq!(has("[   99.0] eth0: link up\n"), None);
}
