//! `physmem online` and `physmem offline` on trees of files: what JSON says, and what a signal does.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The tests that need no more than success use the rest of it.
#[allow(dead_code)]
mod common;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{Action, LocalModes, OptionalActions, tcflow, tcgetattr, tcsetattr};
use serde_json::Value;

use common::root;

/// A tree with memory blocks, removed at the end.
struct Tree(PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Tree {
    fn new(name: &str, blocks: &[(u64, &str, &str)]) -> Self {
        let tree = Self(std::env::temp_dir().join(format!("physmem-online-{}-{name}", std::process::id())));
        let _ = fs::remove_dir_all(&tree.0);
        fs::create_dir_all(tree.memory()).unwrap();
        fs::write(tree.memory().join("block_size_bytes"), "8000000\n").unwrap();
        for (number, state, zones) in blocks {
            fs::create_dir(tree.block(*number)).unwrap();
            fs::write(tree.block(*number).join("state"), format!("{state}\n")).unwrap();
            fs::write(tree.block(*number).join("valid_zones"), format!("{zones}\n")).unwrap();
            fs::write(tree.block(*number).join("node0"), "").unwrap();
        }
        tree
    }

    fn movable(name: &str) -> Self {
        Self::new(name, &[40, 41, 42, 43].map(|number| (number, "online", "Movable")))
    }

    fn memory(&self) -> PathBuf {
        self.0.join("sys/devices/system/memory")
    }

    fn block(&self, number: u64) -> PathBuf {
        self.memory().join(format!("memory{number}"))
    }

    fn state(&self, number: u64) -> String {
        fs::read_to_string(self.block(number).join("state")).unwrap().trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // Whoever runs the tests under nohup ignores SIGHUP, and with it all that they start.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP,INT,TERM").arg(env!("CARGO_BIN_EXE_physmem"));
        let (name, rest) = arguments.split_first().unwrap();
        // Never the running system's blocks.
        command.arg(name).arg("--sysroot").arg(&self.0).args(rest);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn outcomes(document: &Value) -> Vec<(u64, String)> {
    let blocks = document["blocks"].as_array().unwrap();
    blocks.iter().map(|b| (b["index"].as_u64().unwrap(), b["outcome"].as_str().unwrap().to_owned())).collect()
}

fn follows_the_schema(document: &Value) {
    let schema = fs::read_to_string(root().join("schema/online.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{document:#}", errors.join("\n"));
}

#[test]
fn what_is_printed_follows_the_schema_and_the_exit_status_says_the_success() {
    let mixed = || {
        let blocks = [(0, "online", "none"), (2, "online", "Normal"), (40, "offline", "Normal Movable")];
        Tree::new("schema", &blocks)
    };
    for (arguments, status, success) in [
        (&["offline", "-J", "memory2"][..], 0, "all"),
        (&["offline", "-J", "memory0", "memory2", "memory40"], 64, "partial"),
        (&["offline", "-J", "memory0", "memory40"], 1, "none"),
        (&["offline", "-J", "memory40"], 0, "all"),
        (&["online", "-J", "--movable", "memory2", "memory40"], 64, "partial"),
        (&["online", "-J", "--kernel", "memory2", "memory40"], 0, "all"),
        (&["online", "-J", "memory0", "memory2", "memory40"], 0, "all"),
    ] {
        let tree = mixed();
        let dry = tree.run(&[&[arguments[0], "--dry-run"], &arguments[1..]].concat());
        assert_eq!((tree.state(2), tree.state(40)), ("online".into(), "offline".into()), "{arguments:?}");
        for output in [dry, tree.run(arguments)] {
            let document = document(&output);
            follows_the_schema(&document);
            assert_eq!(output.status.code(), Some(status), "{arguments:?}");
            assert_eq!(document["success"], success, "{arguments:?}");
        }
    }
}

#[test]
fn both_conclude_on_what_is_loaded_from_old_and_new_files() {
    for (path, is_loaded) in [("sys/kernel/kexec_crash_loaded", "1"), ("sys/kernel/kexec/crash_loaded", "0")]
    {
        let tree = Tree::movable("loaded");
        fs::create_dir_all(tree.0.join("sys/kernel/kexec")).unwrap();
        fs::write(tree.0.join(path), is_loaded).unwrap();
        let document = document(&tree.run(&["offline", "-J", "memory40"]));
        follows_the_schema(&document);
        let expected = is_loaded == "1";
        assert_eq!(document["kdump"]["before"], expected, "{path}");
        assert_eq!(document["kdump"]["after_removal"].is_string(), expected, "{path}");
        assert_eq!(document["kexec"]["before"], Value::Null);
    }
}

#[test]
fn a_quiet_run_tells_only_of_failures() {
    let tree = Tree::new("quiet", &[(0, "online", "none"), (2, "online", "Normal")]);
    let err = text(&tree.run(&["offline", "-q", "memory0", "memory2"]).stderr);
    assert!(err.starts_with("physmem: memory0: EINVAL: ") && err.contains("\n  help: "), "{err}");
    assert!(!err.contains("memory2"), "{err}");
}

#[test]
fn whoever_may_not_write_is_told_so_before_anything_is_tried() {
    let tree = Tree::movable("unprivileged");
    fs::set_permissions(&tree.0, fs::Permissions::from_mode(0o755)).unwrap();
    for number in 40..44 {
        fs::set_permissions(tree.block(number).join("state"), fs::Permissions::from_mode(0o444)).unwrap();
    }
    // Where others may execute it.
    let program = tree.0.join("physmem");
    fs::copy(env!("CARGO_BIN_EXE_physmem"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for more in [&["--dry-run"][..], &[]] {
        let mut command = Command::new(&program);
        command.args(["offline", "-J", "memory40-memory43", "--sysroot"]).arg(&tree.0).args(more);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        let document = document(&output);
        follows_the_schema(&document);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        for block in document["blocks"].as_array().unwrap() {
            assert_eq!(block["error"]["errno"], "EACCES");
            assert_eq!(block["error"]["remedy"], "run as root");
        }
        // The reason names the file, so that a mount or a container can be found.
        assert!(text(&output.stderr).contains("memory40/state"), "{}", text(&output.stderr));
    }
}

/// A block whose `state` says `online` to whoever reads it, and that keeps whoever writes waiting for ever: a terminal
/// whose output is stopped.
struct Waiting {
    _kernel: OwnedFd,
    terminal: OwnedFd,
}

impl Waiting {
    const LINE: &str = "online\n";
    const LINES: usize = 8;

    fn at(state: &Path) -> Self {
        let kernel = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        unlockpt(&kernel).unwrap();
        let name = ptsname(&kernel, Vec::new()).unwrap().into_string().unwrap();
        let terminal = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut modes = tcgetattr(&terminal).unwrap();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
        tcflow(&terminal, Action::OOff).unwrap();
        // Each read gets a line.
        let lines = Self::LINE.repeat(Self::LINES);
        rustix::io::write(&kernel, lines.as_bytes()).unwrap();
        // A worker of the kernel hands them on, and may be late.
        let begin = Instant::now();
        while rustix::io::ioctl_fionread(&terminal).unwrap() < u64::try_from(lines.len()).unwrap() {
            assert!(begin.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(1));
        }
        fs::remove_file(state).unwrap();
        std::os::unix::fs::symlink(name, state).unwrap();
        Self { _kernel: kernel, terminal }
    }

    /// Waits until the block has been read twice: for the plan, and just before the write.
    fn until_it_is_written_to(&self) {
        let left = u64::try_from((Self::LINES - 2) * Self::LINE.len()).unwrap();
        let begin = Instant::now();
        while rustix::io::ioctl_fionread(&self.terminal).unwrap() > left {
            assert!(begin.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Starts the command, and comes back when it writes to the block, which waits for ever.
fn at_the_write(tree: &Tree, number: u64, command: &mut Command) -> (Child, Waiting) {
    let waiting = Waiting::at(&tree.block(number).join("state"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    waiting.until_it_is_written_to();
    (child, waiting)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_interrupts_the_write_and_says_what_was_done_and_what_not() {
    for (sent, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let tree = Tree::movable(name);
        let mut command = tree.command(&["offline", "-J", "memory40-memory43"]);
        let (child, _waiting) = at_the_write(&tree, 41, &mut command);
        signal(&child, sent);
        let output = child.wait_with_output().unwrap();
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{err}");
        let document = document(&output);
        follows_the_schema(&document);
        let expected = [(40, "changed"), (41, "refused"), (42, "not-begun"), (43, "not-begun")];
        assert_eq!(outcomes(&document), expected.map(|(number, outcome)| (number, outcome.to_owned())));
        assert_eq!(document["blocks"][1]["error"]["errno"], "EINTR");
        assert_eq!(document["blocks"][1]["after"]["state"], "online");
        assert_eq!(document["stopped"], name);
        let said = format!("physmem: stopped by {name}: offline: memory40; not begun: memory42-memory43\n");
        assert!(err.ends_with(&said), "{err}");
        assert_eq!((tree.state(40).as_str(), tree.state(42).as_str()), ("offline", "online"));
    }
}

#[test]
fn a_signal_before_anything_is_done_is_a_failure() {
    let tree = Tree::movable("first");
    let (child, _waiting) = at_the_write(&tree, 40, &mut tree.command(&["offline", "memory40-memory43"]));
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(tree.state(41), "online");
}

#[test]
fn the_timeout_interrupts_the_write() {
    let tree = Tree::movable("timeout");
    let begin = Instant::now();
    let mut command = tree.command(&["offline", "-J", "--timeout", "1.5", "memory40-memory43"]);
    let (child, _waiting) = at_the_write(&tree, 42, &mut command);
    let output = child.wait_with_output().unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(1500));
    let document = document(&output);
    follows_the_schema(&document);
    assert_eq!((output.status.code(), &document["stopped"]), (Some(64), &Value::from("timeout")));
    assert_eq!(document["blocks"][3]["outcome"], "not-begun");
}

/// A shell without job control starts what runs in the background with SIGINT ignored, and nohup with SIGHUP ignored.
#[test]
fn sigint_counts_where_it_was_ignored_and_sighup_does_not() {
    for (sent, ends) in [("INT", true), ("HUP", false)] {
        let tree = Tree::movable(&format!("ignored-{sent}"));
        let mut command = Command::new("sh");
        let script = format!("trap '' {sent}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_physmem"), "offline", "memory40", "--sysroot"]);
        let (child, _waiting) = at_the_write(&tree, 40, command.arg(&tree.0));
        signal(&child, if sent == "INT" { Signal::INT } else { Signal::HUP });
        if !ends {
            thread::sleep(Duration::from_millis(200));
            signal(&child, Signal::TERM);
        }
        let err = text(&child.wait_with_output().unwrap().stderr);
        let by = if ends { "stopped by SIGINT" } else { "stopped by SIGTERM" };
        assert!(err.contains(by), "{sent}: {err}");
    }
}

#[test]
fn each_rule_is_in_the_manual_and_the_manual_names_no_other() {
    let page = fs::read_to_string(root().join("docs/online.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut documented: Vec<&str> = rows.map(|(rule, _)| rule).collect();
    documented.sort_unstable();
    let mut rules = act::Refusal::RULES.to_vec();
    rules.sort_unstable();
    assert_eq!(documented, rules);
}

#[test]
fn the_tree_of_the_manual_is_not_the_running_system() {
    // The sessions must never write to the machine that runs the tests.
    let sessions =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/online.md")).unwrap();
    for line in sessions.lines().filter(|line| line.starts_with("$ physmem o")) {
        assert!(line.contains("--sysroot "), "{line}");
    }
}
