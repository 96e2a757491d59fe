//! What kexec-tools prints when an image is loaded with `kexec -d -c -l` or `-p`.

use kexec::Purpose;
use memblock::PhysRange;

use crate::record::{Record, entry};

/// One load.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) purpose: Purpose,
    /// The command line that was given.
    pub(crate) given: String,
    /// Bytes of the initial ramdisk.
    pub(crate) initrd: u64,
    /// What was done; the segments by address, as the tool prints them.
    pub(crate) record: Record,
}

impl Loaded {
    /// One run of the tool, with the command behind `### ` in the first line.
    pub(crate) fn of(text: &str) -> Self {
        let (command, output) = text.split_once('\n').unwrap();
        let (_, given) = command.split_once("--command-line=").unwrap();
        let purpose = if command.contains(" -p ") { Purpose::Crash } else { Purpose::Reboot };
        let mut record = Record { command_line: given.to_owned(), ..Record::default() };
        let (mut initrd, mut in_map) = (0, false);
        let mut lines = output.lines();
        while let Some(line) = lines.next() {
            let is_heading = ["E820 memmap:", "Extended E820 via setup_data:"].contains(&line);
            in_map = is_heading || in_map && entry(line).is_some();
            if let Some(entry) = entry(line).filter(|_| in_map) {
                record.map.push(entry);
            } else if line == "Command line after adding elfcorehdr" {
                lines.next().unwrap().clone_into(&mut record.command_line);
            } else if let Some((_, size)) =
                line.strip_prefix("Loaded initrd at ").and_then(|l| l.split_once(" size "))
            {
                initrd = hex(size);
            } else if line.starts_with("Elf header: p_type = 1,") {
                let words: Vec<&str> = line.split(' ').collect();
                let after = |name: &str| {
                    let at = words.iter().position(|word| *word == name).unwrap();
                    hex(words[at + 2])
                };
                record.dumped.push(PhysRange::from_size(after("p_paddr"), after("p_memsz")).unwrap());
            } else if let Some((field, value)) =
                line.strip_prefix("segment[").and_then(|line| line.split_once(" = "))
            {
                let value = hex(value);
                match field.split_once("].").unwrap().1.trim_end() {
                    "bufsz" => record.segments.push([0, 0, value]),
                    "mem" => record.segments.last_mut().unwrap()[0] = value,
                    "memsz" => record.segments.last_mut().unwrap()[1] = value,
                    _ => {}
                }
            }
        }
        Self { purpose, given: given.to_owned(), initrd, record }
    }
}

/// What `readelf -lW /proc/vmcore` lists, but the kernel's text, which comes first.
pub(crate) fn readelf(text: &str) -> Vec<PhysRange> {
    let loads = text.lines().filter_map(|line| line.trim_start().strip_prefix("LOAD"));
    let range = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        PhysRange::from_size(hex(words[2]), hex(words[4])).unwrap()
    };
    loads.skip(1).map(range).collect()
}

fn hex(digits: &str) -> u64 {
    u64::from_str_radix(digits.strip_prefix("0x").unwrap(), 16).unwrap()
}
