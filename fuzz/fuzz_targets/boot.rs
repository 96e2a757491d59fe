//! Boots: whatever tables, logs and command lines a machine has, a prediction ends with a state or with an error,
//! and what must hold of every state holds.
//!
//! The input is a command line, a blank line, and a kernel log; or, where it begins with a device tree, that.
#![no_main]

use evidence::snapshot::Bytes;
use evidence::{Evidence, Snapshot, Source};
use libfuzzer_sys::fuzz_target;
use machine::boot::verify::compare::Comparison;
use machine::boot::{self, BootInput};
use rules::Rules;

const DEVICE_TREE: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

fn snapshot(data: &[u8]) -> Snapshot {
    if data.starts_with(&DEVICE_TREE) {
        return Snapshot {
            architecture: Source::Read("aarch64".into()),
            device_tree: Source::Read(Bytes(data.to_vec())),
            ..Snapshot::default()
        };
    }
    let text = String::from_utf8_lossy(data);
    let (line, log) = text.split_once("\n\n").unwrap_or(("", &text));
    Snapshot {
        command_line: Source::Read(line.into()),
        kernel_log: Source::Read(log.into()),
        ..Snapshot::default()
    }
}

fuzz_target!(|data: &[u8]| {
    let evidence = Evidence::from(snapshot(data));
    let Ok(input) = BootInput::of(&evidence) else { return };
    for rules in [&Rules::LINUX, &Rules::NO_MOVABLE_NODE_CHECK] {
        let Ok(prediction) = boot::predict(&input, rules) else { continue };
        let _ = Comparison::of(&evidence, &input, &prediction);
        for tables in [&prediction.memory, &prediction.reserved] {
            assert!(tables.windows(2).all(|pair| pair[0].range.end() <= pair[1].range.start()), "{tables:?}");
        }
        let areas = [prediction.crashkernel.low, prediction.crashkernel.high];
        for area in areas.into_iter().flatten() {
            let inside = prediction.memory.iter().filter_map(|region| region.range.intersect(area.range));
            let bytes: u64 = inside.map(|part| part.size()).sum();
            assert_eq!(bytes, area.range.size(), "{area:?} {:?}", prediction.memory);
        }
    }
});
