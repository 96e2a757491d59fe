//! captures/INDEX.md lists every fixture once and names the tests that use it.

// Helpers of tests may fail as loudly as the tests; clippy allows it only inside the tests themselves.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Directories of fixtures. Markdown and scripts in them are not fixtures.
const HOMES: [&str; 5] = [
    "captures",
    "crates/firmware/tests/data",
    "crates/kexec/tests/data",
    "crates/physmem/tests/commands",
    "fuzz/seeds",
];

/// Prefixes that tests add to all names of a table: `"again"` there is `arm64-again`.
const FAMILIES: [&str; 2] = ["arm64-tools-", "arm64-"];

/// One row of the index.
struct Row {
    line: usize,
    /// A path, or a prefix followed by `*`.
    pattern: String,
    /// The tests in the last column.
    tests: Vec<String>,
}

impl Row {
    fn covers(&self, path: &str) -> bool {
        self.pattern.strip_suffix('*').map_or(path == self.pattern, |start| path.starts_with(start))
    }

    /// The last part of the path, and the last two parts: tests use one or the other.
    fn names(&self) -> (&str, &str) {
        let path = self.pattern.trim_end_matches(['*', '/', '.']);
        let (parent, name) = path.rsplit_once('/').unwrap();
        (name, &path[parent.rfind('/').map_or(0, |slash| slash + 1)..])
    }

    fn is_mentioned_in(&self, test: &str, source: &str) -> bool {
        let (name, _) = self.names();
        let without_family = |family| {
            let rest = name.strip_prefix(family).map(|rest| format!("\"{rest}\""));
            rest.is_some_and(|rest| source.contains(family) && source.contains(&rest))
        };
        has_word(source, name) || has_word(test, name) || FAMILIES.into_iter().any(without_family)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The code spans in Markdown.
fn code(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split('`').skip(1).step_by(2)
}

/// The rows of fixtures, and the tests that walk whole directories.
fn index() -> (Vec<Row>, Vec<String>) {
    let text = fs::read_to_string(root().join("captures/INDEX.md")).unwrap();
    let (mut rows, mut walkers) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').collect();
        assert_eq!(cells.len(), 5, "INDEX.md:{}: expected three cells", number + 1);
        let first = code(cells[1]).next().unwrap().to_owned();
        if HOMES.iter().any(|home| first.starts_with(home)) {
            assert!(!cells[2].trim().is_empty(), "INDEX.md:{}: the second cell is empty", number + 1);
            let tests = code(cells[3]).map(str::to_owned).collect();
            rows.push(Row { line: number + 1, pattern: first, tests });
        } else {
            walkers.push(first);
        }
    }
    (rows, walkers)
}

fn rows() -> Vec<Row> {
    index().0
}

/// `host/twins.rs` is `crates/host/tests/twins.rs`; other paths start at the root.
fn file_of(test: &str) -> PathBuf {
    let below_tests =
        test.split_once('/').map(|(name, file)| root().join("crates").join(name).join("tests").join(file));
    below_tests.filter(|path| path.is_file()).unwrap_or_else(|| root().join(test))
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

/// All fixtures, as paths from the root.
fn fixtures() -> Vec<String> {
    let files = HOMES.iter().flat_map(|home| files_below(&root().join(home)));
    let fixtures = files.filter(|path| !has_extension(path, &["md", "sh"]));
    fixtures.map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()).collect()
}

/// Sources of tests and benchmarks, and the Markdown files whose sessions are run as tests.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let of_crates = crates.flat_map(|one| [one.join("tests"), one.join("benches")]);
    let directories = of_crates.chain([root().join("referee/benches")]);
    let code = directories.flat_map(|one| files_below(&one)).filter(|path| has_extension(path, &["rs"]));
    let sessions = files_below(&root().join("crates/physmem/tests/commands"));
    let sessions = sessions.into_iter().filter(|path| has_extension(path, &["md"]));
    let paths = code.chain(sessions).chain([root().join("README.md")]);
    paths.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// `plain-2g-efi` does not contain the word `plain-2g`.
fn has_word(text: &str, word: &str) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + word.len()..]);
        !goes_on(before.last()) && !goes_on(after.first())
    })
}

#[test]
fn every_fixture_is_in_exactly_one_row() {
    let rows = rows();
    let fixtures = fixtures();
    assert!(fixtures.len() >= 1000, "only {} fixtures were found", fixtures.len());
    let mut wrong = Vec::new();
    for path in &fixtures {
        match rows.iter().filter(|row| row.covers(path)).collect::<Vec<_>>()[..] {
            [_] => {}
            [] => wrong.push(format!(
                "{path} is in no row; captures/index-rows.sh prints the missing rows of captures"
            )),
            [first, second, ..] => {
                wrong.push(format!("{path} is in lines {} and {}", first.line, second.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_matches_a_fixture() {
    let fixtures = fixtures();
    let matches_nothing = |row: &Row| !fixtures.iter().any(|path| row.covers(path));
    let wrong =
        rows().into_iter().filter(matches_nothing).map(|row| format!("line {}: {}", row.line, row.pattern));
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "no fixtures match these rows");
}

#[test]
fn every_test_in_a_row_exists_and_mentions_the_fixture() {
    let (rows, walkers) = index();
    let mut wrong = Vec::new();
    for test in walkers.iter().filter(|test| !file_of(test).is_file()) {
        wrong.push(format!("{test} does not exist"));
    }
    for row in &rows {
        for test in &row.tests {
            let at = format!("line {}: {}: {test}", row.line, row.pattern);
            match fs::read_to_string(file_of(test)) {
                Err(error) => wrong.push(format!("{at}: {error}")),
                Ok(text) if !row.is_mentioned_in(test, &text) => {
                    wrong.push(format!("{at} does not mention the fixture"));
                }
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_spells_out_a_fixtures_path_is_in_its_row() {
    let mut wrong = Vec::new();
    let sources = sources();
    assert!(sources.len() >= 50, "only {} sources of tests were found", sources.len());
    for row in rows() {
        let (_, path) = row.names();
        for (source, _) in sources.iter().filter(|(_, text)| has_word(text, path)) {
            if !row.tests.iter().any(|test| file_of(test) == *source) {
                let source = source.strip_prefix(root()).unwrap().display();
                wrong.push(format!(
                    "line {}: {}: {source} uses it, but is not in the row",
                    row.line, row.pattern
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
