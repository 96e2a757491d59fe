//! What is given to `--from` against what each command makes of it: one row for each form.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::Path;

const LOG: &str = "\
[    0.000000] Linux version 6.12.1 (a@b) (x86_64-linux-gnu-gcc-12 (x) 12.2.0) #1 SMP
[    0.000000] Command line: quiet
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable
";
const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n";

/// A kernel of 16 bytes.
const KERNEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/kernel/header.bzImage");

/// The commands of the table, in the order of its columns.
const COMMANDS: [&[&str]; 10] = [
    &["show"],
    &["explain", "0x100000"],
    &["check"],
    &["boot"],
    &["what-if", "--append", "mem=1G"],
    &["kexec", "plan", "--kernel", KERNEL],
    &["kdump", "plan", "--kernel", KERNEL],
    &["kdump", "ranges"],
    &["hotplug", "plan", "--add", "1G"],
    &["hotplug", "remove", "node0"],
];

/// A form: its name, its files (one named `.` is given itself, others lie in a directory), and the exit status of each
/// command.
type Row = (&'static str, Vec<(&'static str, Vec<u8>)>, [i32; 10]);

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn prefixed(prefix: &str) -> Vec<u8> {
    let line = |line: &str| format!("{prefix}{}\n", line.split_once("] ").unwrap().1);
    LOG.lines().map(line).collect::<String>().into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

/// An entry of a journal for each line of the log, made by `entry` of microseconds and message.
fn journal(entry: impl Fn(&str) -> String) -> Vec<u8> {
    LOG.lines().map(|line| entry(line.split_once("] ").unwrap().1)).collect::<String>().into_bytes()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The lines after `Nov 22` of every log are the kernel's own.
const PREFIXES: [(&str, &str); 24] = [
    ("dmesg --raw", "<6>[    0.000000] "),
    ("dmesg -T", "[Sun Nov 22 23:49:18 2026] "),
    ("dmesg -d", "[    0.000000 <    0.000000>] "),
    ("dmesg -x", "kern  :info  : [    0.000000] "),
    ("dmesg --time-format=delta", "[<    0.000000>] "),
    ("dmesg --time-format=reltime", "[Nov22 23:49] "),
    ("dmesg --time-format=reltime, later lines", "[  +0.000012] "),
    ("dmesg --time-format=iso", "2026-11-22T23:49:18,123456+00:00 "),
    ("dmesg --notime, journalctl -o cat", ""),
    ("dmesg with callers", "[    0.000000] [    T0] "),
    ("a console with callers", "[    0.000000][    T0] "),
    ("journalctl -k", "Nov 22 23:49:18 h kernel: "),
    ("journalctl --no-hostname", "Nov 22 23:49:18 kernel: "),
    ("journalctl -o short-precise", "Nov 22 23:49:18.123456 h kernel: "),
    ("journalctl -o short-iso", "2026-11-22T23:49:18+0000 h kernel: "),
    ("journalctl -o short-iso-precise", "2026-11-22T23:49:18.123456+00:00 h kernel: "),
    ("journalctl -o short-full", "Sun 2026-11-22 23:49:18 UTC h kernel: "),
    ("journalctl -o short-unix", "1795391358.123456 h kernel: "),
    ("journalctl -o short-monotonic", "[    0.000000] h kernel: "),
    ("journalctl -o short-monotonic --no-hostname", "[    0.000000] kernel: "),
    ("journalctl -o short-delta", "[    0.000000 <              >] h kernel: "),
    ("rsyslog", "Nov 22 23:49:18 h kernel: [    0.000000] "),
    ("rsyslog with the date of RFC 5424", "2026-11-22T23:49:18.123456+00:00 h kernel: [    0.000000] "),
    ("BusyBox", "Nov 22 23:49:18 h kern.info kernel: [    0.000000] "),
];

// One row for each form: a list, however long.
#[allow(clippy::too_many_lines)]
fn rows() -> Vec<Row> {
    let log = || LOG.as_bytes().to_vec();
    let uname = b"Linux h 6.12.1 #1 SMP x86_64 x86_64 x86_64 GNU/Linux\n".to_vec();
    // A log alone shows no memory as it is now, only the boot; what check asks of the machine is missing.
    let boots = [1, 1, 4, 0, 0, 1, 1, 1, 0, 3];
    // No load is planned without the map that the firmware gave; nothing is reserved for a crash kernel.
    let shows = [0, 0, 4, 1, 1, 1, 3, 3, 1, 1];
    let both = [0, 0, 4, 0, 0, 0, 3, 3, 0, 3];
    let none = [1; 10];
    let efi = |line: &str| line.as_bytes().to_vec();
    let prompted = |command: &str, text: &str| format!("root@h:~# {command}\n{text}root@h:~#\n").into_bytes();
    let json = |message: &str| {
        format!("{{\"_BOOT_ID\":\"b\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":\"{message}\"}}\n")
    };
    let lines: Vec<_> = LOG.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    let messages: Vec<_> =
        lines.iter().map(|line| format!("{{\"pri\":6,\"time\":0.000000,\"msg\":\"{line}\"}}")).collect();
    let dmesg_json = format!("{{\n   \"dmesg\": [\n{}\n]}}\n", messages.join(",\n")).into_bytes();
    let apic = format!("{IOMEM}fec00000-fec003ff : IOAPIC 0\n");
    let mut rows = vec![
        ("a bare log", vec![(".", log())], boots),
        ("a bare log, CRLF", vec![(".", crlf(LOG))], boots),
        ("a bare log, UTF-16", vec![(".", utf16(LOG))], boots),
        ("a bare log, byte order mark", vec![(".", [b"\xef\xbb\xbf", LOG.as_bytes()].concat())], boots),
        (
            "an EFI map of x86",
            vec![(
                ".",
                efi("efi: mem00: [Conventional Memory|  |  |WB] range=[0x100000-0x8000000) (127MB)\n"),
            )],
            boots,
        ),
        (
            "an EFI map of arm64",
            vec![(".", efi("efi:   0x000040000000-0x00007fffffff [Conventional Memory|  |  |WB]\n"))],
            boots,
        ),
        ("a bare log behind a prompt", vec![(".", prompted("dmesg | head -5", LOG))], boots),
        ("crash> log", vec![(".", format!("crash> log\n{LOG}").into_bytes())], boots),
        ("an excerpt: dmesg | grep e820", vec![(".", prefixed("[    0.000000] ").split_off(160))], boots),
        ("a bare log, bzip2", vec![(".", bzip2(LOG.as_bytes()))], boots),
        ("dmesg -J", vec![(".", dmesg_json)], boots),
        ("journalctl -o json", vec![(".", journal(json))], boots),
        (
            "journalctl -o export",
            vec![(".", journal(|message| format!("__CURSOR=s\n_TRANSPORT=kernel\nMESSAGE={message}\n\n")))],
            boots,
        ),
        (
            "journalctl -o verbose",
            vec![(
                ".",
                journal(|message| {
                    format!(
                        "Sun 2026-11-22 23:49:18.1 UTC [s=1;i=1;b=1;m=1;t=1;x=1]\n    MESSAGE={message}\n"
                    )
                }),
            )],
            boots,
        ),
        (
            "sosreport",
            vec![
                ("sos/sos_commands/kernel/dmesg", log()),
                ("sos/sos_commands/kernel/uname_-a", uname.clone()),
            ],
            boots,
        ),
        (
            "sosreport in two directories, with /proc",
            vec![("h/sos/sos_commands/kernel/dmesg", log()), ("h/sos/proc/iomem", IOMEM.into())],
            both,
        ),
        ("old sosreport", vec![("sos/sos_commands/general/dmesg", log())], boots),
        (
            "sosreport with the journal alone",
            vec![(
                "sos/sos_commands/logs/journalctl_--no-pager_--boot",
                prefixed("Nov 22 23:49:18 h kernel: "),
            )],
            boots,
        ),
        (
            "insights",
            vec![
                ("i/insights_archive.txt", Vec::new()),
                ("i/data/insights_commands/dmesg", log()),
                ("i/data/insights_commands/uname_-a", uname),
            ],
            boots,
        ),
        (
            "a node of a must-gather",
            vec![("g/image/nodes/n/dmesg", log()), ("g/image/nodes/n/proc_cmdline", b"quiet\n".into())],
            boots,
        ),
        (
            "two nodes of a must-gather",
            vec![("g/i/nodes/a/proc_cmdline", b"a".into()), ("g/i/nodes/b/proc_cmdline", b"b".into())],
            none,
        ),
        // This one names no architecture.
        ("a bare iomem, CRLF", vec![(".", crlf(IOMEM))], [0, 0, 4, 1, 1, 1, 1, 3, 1, 1]),
        ("a bare iomem of x86", vec![(".", apic.clone().into_bytes())], shows),
        ("a bare iomem behind a prompt", vec![(".", prompted("cat /proc/iomem", &apic))], shows),
        ("iomem, CRLF", vec![("proc/iomem", crlf(&apic))], shows),
        ("iomem without a line", vec![("proc/iomem", b"\r\n".to_vec())], none),
        ("a letter", vec![(".", b"Dear all,\n".to_vec())], none),
    ];
    rows.extend(PREFIXES.iter().map(|(form, prefix)| (*form, vec![(".", prefixed(prefix))], boots)));
    rows
}

#[test]
fn each_form_has_its_exit_status_with_each_command() {
    let scratch = std::env::temp_dir().join(format!("physmem-forms-{}", std::process::id()));
    let mut wrong = Vec::new();
    for (number, (form, files, expected)) in rows().into_iter().enumerate() {
        let root = scratch.join(number.to_string());
        for (name, bytes) in &files {
            let path = if *name == "." { root.clone() } else { root.join(name) };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        for (command, status) in COMMANDS.iter().zip(expected) {
            let output = run_on(command, &root);
            let found = output.status.code();
            if found != Some(status) {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                wrong.push(format!("{form}, {command:?}: {found:?}, expected {status}: {said}"));
            }
        }
    }
    let _ = std::fs::remove_dir_all(&scratch);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run_on(command: &[&str], root: &Path) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_physmem"))
        .args(command)
        .arg("--from")
        .arg(root)
        .output()
        .unwrap()
}
