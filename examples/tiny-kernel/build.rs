//! Linker arguments, so that a plain `cargo build` for the stock target builds a kernel: no target
//! specification, no rust-src, no `.cargo/config.toml`.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/link.ld");
    let arguments = [
        // No C library or startup code: `src/entry.s` is the startup code, `src/libc.rs` the library.
        "-nostartfiles",
        "-nostdlib",
        // Linked to run at one address, without a dynamic linker.
        "-static",
        "-no-pie",
        // The loader copies segments to their addresses, so they need not be page-aligned in the file.
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
