//! Captures: whatever the bytes, reading ends with a snapshot or with an error that names the file.
#![no_main]

use std::fs;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = PathBuf::from(format!("/dev/shm/physmem-fuzz-{}", std::process::id()));
    fs::write(&path, data).expect("/dev/shm has room");
    match host::read(&path) {
        Ok(snapshot) => {
            let _ = machine::Machine::of(&snapshot);
            let json = serde_json::to_string(&snapshot).expect("a snapshot is JSON");
            assert_eq!(serde_json::from_str::<host::Snapshot>(&json).expect("and comes back"), snapshot);
        }
        Err(error) => assert!(error.to_string().contains("physmem-fuzz-"), "{error}"),
    }
});
