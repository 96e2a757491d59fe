//! The house rules, held against the sources: where raw text ends, who may name an architecture or a release, how files
//! depend on each other, and how large they get. DESIGN.md says why.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One source file of a crate.
struct File {
    /// Below `crates/`, e.g. `kexec/src/plan.rs`.
    name: String,
    /// Its crate.
    krate: String,
    /// Its module path below the crate, e.g. `port::x86_kernel`; empty for lib.rs and main.rs.
    module: String,
    /// Its lines without comments and without the tests at its end.
    code: String,
    /// All its lines.
    lines: usize,
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<File> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = crates().canonicalize().unwrap();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&root).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() {
            collect(&source, &mut paths);
        }
    }
    paths.sort();
    let files: Vec<File> = paths.iter().map(|path| read(&root, path)).collect();
    assert!(files.len() > 300, "only {} sources", files.len());
    files
}

fn read(root: &Path, path: &Path) -> File {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let (krate, rest) = name.split_once("/src/").unwrap();
    let module = rest.strip_suffix(".rs").unwrap().replace('/', "::");
    let module = if matches!(module.as_str(), "lib" | "main") { String::new() } else { module };
    let text = std::fs::read_to_string(path).unwrap();
    let own = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let code = own.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    File { krate: krate.to_owned(), module, code, lines: text.lines().count(), name: name.clone() }
}

/// A line without its comment. Two slashes in a string are none.
fn without_comment(line: &str) -> &str {
    let at = line.match_indices("//").map(|(at, _)| at);
    let outside = |at: &usize| line[..*at].matches('"').count().is_multiple_of(2);
    at.into_iter().find(outside).map_or(line, |at| &line[..at])
}

fn is_test(file: &File) -> bool {
    ["tests", "testing", "test_port", "alloc_tests", "limits_tests"]
        .iter()
        .any(|name| file.module.split("::").any(|part| part == *name))
}

/// The files that break a rule, each with its first line that does.
fn breaking(is_home: impl Fn(&File) -> bool, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let files = sources();
    let outside = files.iter().filter(|file| !is_test(file) && !is_home(file));
    outside
        .filter_map(|file| {
            let line = file.code.lines().find(|line| breaks(line))?;
            Some(format!("{}: {}", file.name, line.trim()))
        })
        .collect()
}

#[test]
fn raw_text_ends_with_evidence() {
    // host fills snapshots, evidence reads them, and the command may edit one before it becomes evidence.
    let is_home = |file: &File| {
        matches!(file.krate.as_str(), "host" | "evidence")
            || file.name.ends_with("input.rs")
            || file.name.ends_with("boot_input.rs")
    };
    let breaks = |line: &str| {
        let fields =
            [".kernel_log", ".kernel_config", ".zoneinfo", ".iomem.", ".memory_hotplug", "memblock_text::"];
        let calls = ["firmware::log::", "BootLog::of", "LoadLog::of", "ResourceTree::parse", "zones::parse"];
        fields.iter().chain(&calls).any(|text| line.contains(text)) && !line.trim_start().starts_with("use ")
    };
    // firmware holds the readers of logs themselves.
    let found = breaking(|file| is_home(file) || file.krate == "firmware", breaks);
    assert_eq!(found, [""; 0], "raw text is read outside evidence");
}

#[test]
fn only_their_homes_name_an_architecture() {
    // The table of facts and the table of releases; files and folders of one architecture, ports, formats of images and
    // firmware; and what a boot is given, which is another for each platform.
    let is_home = |file: &File| {
        let of_one = file
            .module
            .split("::")
            .any(|part| ["x86", "arm64", "efi_of_iomem"].iter().any(|name| part.starts_with(name)));
        of_one
            || ["machine/src/arch.rs", "machine/src/releases.rs", "kexec/src/port/registry.rs"]
                .contains(&file.name.as_str())
            || file.name.starts_with("machine/src/boot/input/")
            || file.name.starts_with("machine/src/releases/")
            || matches!(file.krate.as_str(), "firmware" | "images" | "capi" | "memblock")
    };
    let breaks = |line: &str| {
        [
            "Architecture::X86",
            "Architecture::Arm64",
            "Architecture::Risc",
            "\"x86_64\"",
            "\"aarch64\"",
            "\"arm64\"",
            "\"riscv64\"",
        ]
        .iter()
        .any(|name| line.contains(name))
    };
    let found = breaking(is_home, breaks);
    // Which `uname -m` a file of a capture implies is a fact of the capture, not of an architecture.
    let found: Vec<String> = found.into_iter().filter(|line| !line.starts_with("host/src/")).collect();
    assert_eq!(found, [""; 0], "an architecture is named outside its home");
}

#[test]
fn only_the_table_of_releases_compares_a_release() {
    let is_home = |file: &File| {
        ["machine/src/releases.rs", "evidence/src/release.rs"].contains(&file.name.as_str())
            || file.name.starts_with("machine/src/releases/")
    };
    let breaks = |line: &str| {
        let is_pair = (4..9).any(|major| {
            line.match_indices(&format!("({major}, ")).any(|(at, text)| {
                line[at + text.len()..].split(')').next().is_some_and(|minor| {
                    !minor.is_empty() && minor.len() < 3 && minor.bytes().all(|byte| byte.is_ascii_digit())
                })
            })
        });
        is_pair
            || line.contains(".at_least(")
            || line.contains(".version() ==")
            || line.contains(".version() >=")
    };
    assert_eq!(breaking(is_home, breaks), [""; 0], "a release is compared outside the table");
}

#[test]
fn only_act_writes_to_a_system() {
    // The others write files that the user named, or that they make beside these.
    let homes = [
        "act/src/files.rs",
        "act/src/kexec/records.rs",
        "host/src/capture/write.rs",
        "physmem/src/commands/generate.rs",
        "physmem/src/commands/simulate/run.rs",
        "physmem/src/commands/watch/metrics.rs",
    ];
    let breaks = |line: &str| {
        [
            "WRONLY",
            "RDWR",
            "OpenOptions",
            "fs::write(",
            "io::write(",
            "File::create",
            "fs::rename",
            "fs::remove_",
            "fs::hard_link",
            "create_dir",
            "set_permissions",
        ]
        .iter()
        .any(|call| line.contains(call))
    };
    let found = breaking(|file| homes.contains(&file.name.as_str()), breaks);
    assert_eq!(found, [""; 0], "something else writes");
    // And what it writes to, or loads, only these commands say.
    let commands = ["online", "arm", "watch/rearm"].map(|name| format!("physmem/src/commands/{name}"));
    let found = breaking(
        |file| file.krate == "act" || commands.iter().any(|command| file.name.starts_with(command)),
        |line| line.contains("carry_out"),
    );
    assert_eq!(found, [""; 0], "something else has act write");
}

#[test]
fn no_file_is_too_long_and_no_folder_too_full() {
    let files = sources();
    let long: Vec<String> = files
        .iter()
        .filter(|file| !is_test(file) && file.lines > 450)
        .map(|file| format!("{}: {} lines", file.name, file.lines))
        .collect();
    assert_eq!(long, [""; 0]);
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &files {
        *folders.entry(file.name.rsplit_once('/').unwrap().0).or_default() += 1;
    }
    folders.retain(|_, count| *count > 20);
    assert!(folders.is_empty(), "more than 20 files beside each other: {folders:?}");
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let files = sources();
    for krate in ["kexec", "firmware", "machine", "evidence", "audit", "rules", "images", "act"] {
        let of_crate: Vec<&File> =
            files.iter().filter(|file| file.krate == krate && !is_test(file)).collect();
        let modules: BTreeSet<&str> = of_crate.iter().map(|file| file.module.as_str()).collect();
        let edges: BTreeMap<&str, BTreeSet<&str>> =
            of_crate.iter().map(|file| (file.module.as_str(), uses(file, &modules))).collect();
        let circle = circle(&edges);
        assert!(circle.is_none(), "in {krate}: {circle:?}");
    }
}

/// The modules of its own crate that a file imports from: the deepest file that a path names. Module declarations and
/// re-exports of children are no imports.
fn uses<'a>(file: &File, modules: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut parts = file.code.split("crate::");
    parts.next();
    for rest in parts {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        let path = &rest[..end];
        let mut named = path.trim_end_matches(':');
        loop {
            if let Some(module) = modules.get(named) {
                if !module.is_empty() && *module != file.module {
                    found.insert(*module);
                }
                break;
            }
            match named.rsplit_once("::") {
                Some((parent, _)) => named = parent,
                None => break,
            }
        }
    }
    found
}

fn circle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    fn visit<'a>(
        at: &'a str,
        edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(begin) = path.iter().position(|module| *module == at) {
            return Some(path[begin..].to_vec());
        }
        if !done.insert(at) {
            return None;
        }
        path.push(at);
        let found = edges.get(at).into_iter().flatten().find_map(|next| visit(next, edges, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|module| visit(module, edges, &mut Vec::new(), &mut done))
}
