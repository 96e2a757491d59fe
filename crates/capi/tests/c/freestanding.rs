//! Without the feature `std`, the archive needs only C's memory functions and `physmem_panic`.

use std::path::Path;
use std::process::Command;

use crate::build;

#[test]
fn a_program_without_any_library_links() {
    let Some(compiler) = build::compiler() else { return };
    let archive = build::archive(
        "capi-freestanding",
        &[
            "--release",
            "--no-default-features",
            "--features",
            "linux-abi,panic-hook",
            "--config",
            "profile.release.panic=\"abort\"",
        ],
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("freestanding");
    let mut command = Command::new(compiler);
    command.args([
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O2",
        "-ffreestanding",
        "-nostdlib",
        "-static",
    ]);
    command.arg("-I").arg(root.join("include")).arg(root.join("tests/c/freestanding.c"));
    // All of the archive, not only what the program calls: Linux's interface as well.
    command.arg("-Wl,--whole-archive").arg(archive).arg("-Wl,--no-whole-archive").arg("-o").arg(program);
    build::run(&mut command);
}
