//! Finds Linux's memblock as `referee/build.sh` leaves it. Without it the package still builds, and its tests
//! and benches say that they are skipped.

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
    // Both offer the same functions, so each target gets one of them.
    println!("cargo::rustc-link-arg-tests={}", guarded.display());
    println!("cargo::rustc-link-arg-benches={}", unguarded.display());
}

/// Where the libraries are: the directory that `PHYSMEM_REFEREE_LIB` names, or the one `build.sh` makes.
///
/// That is below the workspace's own `target`, wherever Cargo builds: it is no product of this build.
fn directory() -> PathBuf {
    if let Some(directory) = env::var_os("PHYSMEM_REFEREE_LIB") {
        return PathBuf::from(directory);
    }
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    Path::new(&manifest).join("../target/referee")
}
