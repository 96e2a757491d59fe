use super::*;

/// A crash kernel load as Linux 6.12 logs it, shortened.
const CRASH: &str = "\
<6>[   16.4] kexec_file: kernel: 00000000a42a9747 kernel_size: 0xb867c0
<6>[   16.5] crash_core: Crash PT_LOAD ELF header. phdr=00 vaddr=0xff11, paddr=0x100000, sz=0x6af00000 e_phnum=5 p_offset=0x100000
<6>[   16.5] kexec: Loaded ELF headers at 0x6b000000 bufsz=0x1000 memsz=0xe1000
<6>[   16.5] kexec-bzImage64: Loaded purgatory at 0x7affb000
<6>[   16.5] kexec-bzImage64: Final command line is: elfcorehdr=0x6b000000 nr_cpus=1
<6>[   16.5] kexec-bzImage64: E820 memmap:
<6>[   16.5] kexec-bzImage64: 0000000000001000-000000000009fbff (1)
<6>[   18.4] kexec_file: nr_segments = 2
<6>[   18.4] kexec_file: segment[0]: buf=00 bufsz=0x1000 mem=0x6b000000 memsz=0xe1000
<6>[   18.4] kexec_file: segment[1]: buf=00 bufsz=0x4000 mem=0x7affb000 memsz=0x5000
<6>[   18.7] kexec_file: kexec_file_load: type:1, start:0x7affb160 head:0x4 flags:0xa
";

const REBOOT: &str = "\
[    7.9] kexec_file: kernel: 00000000de4e61e7 kernel_size: 0x9b4200
[    7.9] kexec_file(Image): Loaded kernel at 0x40e00000 bufsz=0x9b4200 memsz=0xaf0000
[    7.9] kexec_file: segment[0]: buf=00 bufsz=0x9b4200 mem=0x40e00000 memsz=0xaf0000
[    8.0] kexec_file: kexec_file_load: type:0, start:0x40e00000 head:0x833f3002 flags:0x8
";

fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

#[test]
fn a_load_is_read_completely() {
    let log = LoadLog::of(CRASH);
    let record = log.last(Purpose::Crash).unwrap();
    assert!(record.is_whole);
    assert_eq!(record.command_line.as_deref(), Some("elfcorehdr=0x6b000000 nr_cpus=1"));
    assert_eq!(record.dumped, [r(0x10_0000, 0x6b00_0000)]);
    assert_eq!(record.map, [Entry { range: r(0x1000, 0x9_fc00), kind: E820Type::Ram }]);
    let segments: Vec<_> = record.segments.iter().map(|s| (s.holds.as_deref(), s.range, s.loaded)).collect();
    let header = (Some("ELF headers"), r(0x6b00_0000, 0x6b0e_1000), 0x1000);
    assert_eq!(segments, [header, (Some("purgatory"), r(0x7aff_b000, 0x7b00_0000), 0x4000)]);
    assert!(record.end.ends_with("flags:0xa"), "{}", record.end);
}

#[test]
fn arm64_prints_neither_a_map_nor_a_command_line() {
    let log = LoadLog::of(REBOOT);
    let record = log.last(Purpose::Reboot).unwrap();
    assert_eq!((&record.command_line, record.map.len()), (&None, 0));
    assert_eq!(record.segments[0].holds.as_deref(), Some("kernel"));
}

#[test]
fn a_load_that_failed_is_not_the_last_one() {
    let failed = "[ 20.0] kexec_file: kernel: 00 kernel_size: 0x1000\n[ 20.1] kexec_file: segment[0]: buf=00 bufsz=0x1 mem=0x1000 memsz=0x1000\n";
    let log = LoadLog::of(&format!("{CRASH}{failed}{REBOOT}"));
    assert_eq!(log.records.len(), 3);
    assert_eq!(log.last(Purpose::Crash).unwrap().segments.len(), 2);
    assert_eq!(log.records[1].purpose, None);
}

#[test]
fn hotplug_counts_for_the_crash_kernel_loaded_at_that_time() {
    let event = |action: &str| format!("<7>[ 21.6] crash hp: hp_action {action}\n");
    let text =
        [event("3"), CRASH.into(), event("3"), event("2, cpu 1"), event("4"), REBOOT.into(), event("4")];
    let log = LoadLog::of(&text.concat());
    let events = &log.last(Purpose::Crash).unwrap().events;
    assert_eq!(events, &[MemoryEvent::Online, MemoryEvent::Offline, MemoryEvent::Offline]);
    assert!(log.last(Purpose::Reboot).unwrap().events.is_empty());
    assert!(log.shows_hotplug && !LoadLog::of(CRASH).shows_hotplug);
}

#[test]
fn what_an_earlier_boot_loaded_is_gone() {
    let banner = "[    0.000000] Linux version 6.12.117 (x)\n";
    assert_eq!(LoadLog::of(&format!("{CRASH}{banner}{REBOOT}")), LoadLog::of(&format!("{banner}{REBOOT}")));
}

#[test]
fn a_load_whose_beginning_is_lost_is_not_whole() {
    let (_, rest) = CRASH.split_once("E820 memmap:\n").unwrap();
    let log = LoadLog::of(rest);
    let record = log.last(Purpose::Crash).unwrap();
    assert_eq!((record.is_whole, record.segments.len()), (false, 2));
}

#[test]
fn a_kernel_before_6_8_lists_segments_in_other_words_and_prints_no_end() {
    let load = |header: &str, last: &str| {
        format!(
            "[ 1.0] kexec-bzImage64: It's a relocatable bzImage64\n{header}\
             [ 1.1] kexec-bzImage64: Loaded purgatory at 0x9a000\n\
             [ 1.2] kexec-bzImage64: Final command line is: quiet\n\
             [ 1.3] kexec_file: Loading segment 0: buf=0x0 bufsz=0x4000 mem=0x9a000 memsz=0x5000\n\
             [ 1.4] kexec_file: Loading segment 1: buf=0x0 bufsz=0x1120 mem={last} memsz=0x2000\n"
        )
    };
    let header = "[ 1.0] kexec_file: Crash PT_LOAD ELF header. phdr=0 vaddr=0x0, paddr=0x100000, sz=0x1000 e_phnum=5 \
                  p_offset=0x100000\n[ 1.0] kexec: Loaded ELF headers at 0x7a000000 bufsz=0x1000 memsz=0x1000\n";
    let log = LoadLog::of(&(load("", "0x98000") + &load(header, "0x96000")));
    assert_eq!(log.records.len(), 2);
    let (reboot, crash) = (log.last(Purpose::Reboot).unwrap(), log.last(Purpose::Crash).unwrap());
    assert!(reboot.is_whole && crash.is_whole);
    assert_eq!(reboot.segments[0].holds.as_deref(), Some("purgatory"));
    assert_eq!((reboot.segments[1].range.start(), crash.segments[1].range.start()), (0x9_8000, 0x9_6000));
    assert_eq!((crash.dumped.len(), crash.possible_cpus), (1, Some(2)));
}

#[test]
fn garbage_in_place_of_numbers_is_skipped() {
    let log = LoadLog::of(
        "kexec_file: segment[0]: mem=0xzz memsz=0x1\ncrash_core: Crash PT_LOAD paddr=0x1, sz=0x0\n\
         kexec-bzImage64: 12-34 (x)\nkexec: Loaded x at 0x\nkexec_file: kexec_file_load: type:7\n",
    );
    assert_eq!(log.records.len(), 1);
    assert_eq!(log.records[0].purpose, None);
    assert!(log.records[0].segments.is_empty());
}

proptest::proptest! {
    #[test]
    fn no_log_makes_the_reader_panic_and_only_crash_kernels_see_events(
        lines in proptest::collection::vec((0..LINES.len(), "[0-9a-fx=, ():-]{0,40}"), 0..40),
    ) {
        let text: Vec<String> = lines.iter().map(|(line, rest)| format!("{}{rest}", LINES[*line])).collect();
        let log = LoadLog::of(&text.join("\n"));
        for record in &log.records {
            proptest::prop_assert!(record.purpose.is_none() || !record.end.is_empty());
            proptest::prop_assert!(record.purpose == Some(Purpose::Crash) || record.events.is_empty());
        }
    }
}

/// How the lines start that the reader recognizes.
const LINES: [&str; 11] = [
    "Linux version ",
    "crash hp: hp_action ",
    "kexec_file: kernel: ",
    "kexec: Loaded x at 0x",
    "kexec_file: segment[0]: bufsz=0x1 mem=0x1000 memsz=0x",
    "kexec-bzImage64: Final command line is: ",
    "crash_core: Crash PT_LOAD paddr=0x1000, sz=0x",
    "kexec-bzImage64: 0000000000001000-",
    "kexec_file: kexec_file_load: type:",
    "kexec-bzImage64: It's a relocatable bzImage64",
    "kexec_file: Loading segment 0: bufsz=0x1 mem=0x1000 memsz=0x",
];
