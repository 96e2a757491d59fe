//! Everything the link needs, so that a plain `cargo build` for the stock target makes a kernel: no target
//! specification, no rust-src, no `.cargo/config.toml`.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/link.ld");
    let arguments = [
        // No C library and no start-up code of one: `src/entry.s` is the start, `src/libc.rs` the library.
        "-nostartfiles",
        "-nostdlib",
        // Linked to run at one address, without a dynamic linker.
        "-static",
        "-no-pie",
        // The loader copies segments to where the link puts them: they need not begin on pages of the file.
        "-Wl,--nmagic",
        "-Wl,--gc-sections",
        "-Wl,--build-id=none",
        "-Wl,-T",
        script,
    ];
    for argument in arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed={script}");
}
