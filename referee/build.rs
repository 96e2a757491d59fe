//! Finds Linux's memblock, as built by `referee/build.sh`. Without it the package still builds, but its tests
//! and benches report that they are skipped.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(linux_memblock)");
    println!("cargo::rerun-if-env-changed=PHYSMEM_REFEREE_LIB");

    let directory = directory();
    let guarded = directory.join("liblinux_memblock.a");
    let unguarded = directory.join("liblinux_memblock_unguarded.a");
    for library in [&guarded, &unguarded] {
        println!("cargo::rerun-if-changed={}", library.display());
    }
    if !(guarded.exists() && unguarded.exists()) {
        println!(
            "cargo::warning=Linux's memblock is not built, so nothing is compared with it: run referee/build.sh"
        );
        return;
    }
    println!("cargo::rustc-cfg=linux_memblock");
    // Both have the same functions, so each target gets only one of them.
    println!("cargo::rustc-link-arg-tests={}", guarded.display());
    println!("cargo::rustc-link-arg-benches={}", unguarded.display());
}

/// Where the libraries are: the directory in `PHYSMEM_REFEREE_LIB`, or the default of `build.sh`.
///
/// The default is below the workspace's own `target`, wherever Cargo builds, because it is not a product of
/// this build.
fn directory() -> PathBuf {
    if let Some(directory) = env::var_os("PHYSMEM_REFEREE_LIB") {
        return PathBuf::from(directory);
    }
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    Path::new(&manifest).join("../target/referee")
}
