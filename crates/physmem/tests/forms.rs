//! What is given to `--from` against what each command makes of it: one row for each form.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

const LOG: &str = "\
[    0.000000] Linux version 6.12.1 (a@b) (x86_64-linux-gnu-gcc-12 (x) 12.2.0) #1 SMP
[    0.000000] Command line: quiet
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable
";
const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n";

/// The commands of the table, in the order of its columns.
const COMMANDS: [&[&str]; 5] =
    [&["show"], &["explain", "0x100000"], &["check"], &["boot"], &["what-if", "--append", "mem=1G"]];

/// A form: its name, its files (one named `.` is given itself, others lie in a directory), and the exit status of each
/// command.
type Row = (&'static str, Vec<(&'static str, Vec<u8>)>, [i32; 5]);

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

fn rows() -> Vec<Row> {
    let log = || LOG.as_bytes().to_vec();
    let uname = b"Linux h 6.12.1 #1 SMP x86_64 x86_64 x86_64 GNU/Linux\n".to_vec();
    // A log alone shows no memory as it is now, only the boot; what check asks of the machine is missing.
    let boots = [1, 1, 4, 0, 0];
    let shows = [0, 0, 4, 1, 1];
    vec![
        ("a bare log", vec![(".", log())], boots),
        ("a bare log, CRLF", vec![(".", crlf(LOG))], boots),
        ("a bare log, UTF-16", vec![(".", utf16(LOG))], boots),
        ("a bare log, byte order mark", vec![(".", [b"\xef\xbb\xbf", LOG.as_bytes()].concat())], boots),
        ("dmesg --raw", vec![(".", prefixed("<6>[    0.000000] "))], boots),
        ("dmesg -T", vec![(".", prefixed("[Sun Nov 22 23:49:18 2026] "))], boots),
        ("journalctl -k", vec![(".", prefixed("Nov 22 23:49:18 h kernel: "))], boots),
        ("journalctl -k -o short-iso", vec![(".", prefixed("2026-11-22T23:49:18+0000 h kernel: "))], boots),
        ("dmesg --notime", vec![(".", prefixed(""))], boots),
        (
            "sosreport",
            vec![
                ("sos/sos_commands/kernel/dmesg", log()),
                ("sos/sos_commands/kernel/uname_-a", uname.clone()),
            ],
            boots,
        ),
        ("old sosreport", vec![("sos/sos_commands/general/dmesg", log())], boots),
        (
            "insights",
            vec![("data/insights_commands/dmesg", log()), ("data/insights_commands/uname_-a", uname)],
            boots,
        ),
        ("a bare iomem, CRLF", vec![(".", crlf(IOMEM))], shows),
        ("iomem, CRLF", vec![("proc/iomem", crlf(IOMEM))], shows),
        ("iomem without a line", vec![("proc/iomem", b"\r\n".to_vec())], [1; 5]),
        ("a letter", vec![(".", b"Dear all,\n".to_vec())], [1; 5]),
    ]
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
