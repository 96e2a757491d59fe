//! The C tour compiles without warnings and runs, and the header compiles as C++ if there is a compiler.

use std::path::Path;
use std::process::Command;

use crate::build;

/// Libraries that Rust's standard library needs.
const LIBRARIES: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

#[test]
fn the_tour_prints_the_expected_output() {
    let Some(compiler) = build::compiler() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let archive = build::archive("capi-tour", &[]);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tour");
    let mut command = Command::new(compiler);
    command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(root.join("include"));
    command.arg(root.join("examples/tour.c")).arg(archive).args(LIBRARIES).arg("-o").arg(&program);
    build::run(&mut command);

    let output = build::run(&mut Command::new(program));
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = std::fs::read_to_string(root.join("examples/tour.txt")).unwrap();
    assert!(text == expected, "examples/tour.c prints\n{text}\nand examples/tour.txt says\n{expected}");
}

#[test]
fn the_header_is_valid_cxx() {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| String::from("c++"));
    if Command::new(&compiler).arg("--version").output().is_err() {
        println!("SKIPPED: there is no C++ compiler: install one (Debian: apt-get install g++), or set CXX");
        return;
    }
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/physmem.h");
    let mut command = Command::new(compiler);
    build::run(
        command.args(["-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++"]).arg(header),
    );
}
