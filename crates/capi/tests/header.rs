//! The committed header is what cbindgen generates from the sources.
//!
//! With `PHYSMEM_HEADER=write` in the environment, the header is written instead.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::path::Path;

use physmem_capi::text::physmem_status_name;

/// The sources of the header, in its order.
const SOURCES: [&str; 14] = [
    "failure",
    "types",
    "handle",
    "change",
    "mark",
    "alloc",
    "grow",
    "walk",
    "query",
    "settings",
    "limits",
    "named",
    "hand_over",
    "text",
];

#[test]
fn the_committed_header_matches_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let builder = SOURCES.iter().fold(cbindgen::Builder::new().with_config(config), |builder, source| {
        builder.with_src(root.join("src").join(source).with_extension("rs"))
    });
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();

    let path = root.join("include/physmem.h");
    if std::env::var_os("PHYSMEM_HEADER").is_some_and(|what| what == "write") {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().zip(committed.lines().chain(std::iter::repeat(""))).position(|(a, b)| a != b);
    assert!(
        made == committed,
        "{} is out of date with the sources, from line {} on. Regenerate it with\n    \
         PHYSMEM_HEADER=write cargo test -p physmem-capi --test header",
        path.display(),
        differs.unwrap_or(0) + 1,
    );
}

#[test]
fn each_status_of_the_header_has_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(root.join("include/physmem.h")).unwrap();
    let variants = header.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    let mut count = 0;
    for (name, number) in variants.filter(|(name, _)| name.starts_with("PHYSMEM_STATUS_")) {
        let written = physmem_status_name(number.parse().unwrap());
        // SAFETY: the string lives forever.
        assert_eq!(unsafe { CStr::from_ptr(written) }.to_str(), Ok(name));
        count += 1;
    }
    assert_eq!(count, 16);
    // SAFETY: as above.
    assert_eq!(unsafe { CStr::from_ptr(physmem_status_name(16)) }, c"unknown physmem_status");
}
