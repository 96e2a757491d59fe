//! ACPI tables from the facts in `tables.txt`: subtables in the order of the real table, and its padding.
//!
//! `srat REVISION` begins, then `memory DOMAIN BASE LENGTH FLAGS`, `cpu DOMAIN APIC FLAGS`, `x2apic DOMAIN ID FLAGS`;
//! `slit LOCALITIES DISTANCE...` has every byte behind the count, those of the padding too.

use serde_json::{Value, json};

/// Rows of a section of `physmem firmware -J`, by its name.
pub(crate) type Sections = Vec<(String, Vec<Value>)>;

fn number(word: &str) -> u64 {
    word.strip_prefix("0x").map_or_else(|| word.parse(), |hex| u64::from_str_radix(hex, 16)).unwrap()
}

/// A table with its length and checksum.
fn table(signature: [u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(36 + body.len()).unwrap();
    let mut bytes = signature.to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend([revision, 0]);
    bytes.extend(*b"PHYSMMREAL    \x01\0\0\0TEST\x01\0\0\0");
    bytes.extend(body);
    bytes[9] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    bytes
}

fn lines(text: &str) -> impl Iterator<Item = (&str, Vec<u64>)> {
    text.lines().map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.map(number).collect())
    })
}

pub(crate) fn srat(text: &str) -> Vec<u8> {
    let (mut revision, mut body) = (1, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec());
    for (word, numbers) in lines(text) {
        let low = |index: usize| u32::try_from(numbers[index]).unwrap().to_le_bytes();
        match word {
            "srat" => revision = u8::try_from(numbers[0]).unwrap(),
            "cpu" => {
                let (domain, flags) = (low(0), low(2));
                body.extend([0, 16, domain[0], u8::try_from(numbers[1]).unwrap()]);
                body.extend(flags);
                body.extend([0, domain[1], domain[2], domain[3], 0, 0, 0, 0]);
            }
            "memory" => {
                body.extend([1, 40]);
                body.extend(low(0));
                body.extend([0, 0]);
                body.extend(numbers[1].to_le_bytes());
                body.extend(numbers[2].to_le_bytes());
                body.extend([0; 4]);
                body.extend(low(3));
                body.extend([0; 8]);
            }
            "x2apic" => {
                body.extend([2, 24, 0, 0]);
                for index in 0..3 {
                    body.extend(low(index));
                }
                body.extend([0; 8]);
            }
            _ => {}
        }
    }
    table(*b"SRAT", revision, &body)
}

pub(crate) fn slit(text: &str) -> Vec<u8> {
    let (_, numbers) = lines(text).find(|(word, _)| *word == "slit").unwrap();
    let mut body = numbers[0].to_le_bytes().to_vec();
    body.extend(numbers[1..].iter().map(|distance| u8::try_from(*distance).unwrap()));
    table(*b"SLIT", 1, &body)
}

/// What the SRAT says of memory.
pub(crate) fn memory(text: &str) -> Sections {
    let with_addresses = lines(text).filter(|(word, numbers)| *word == "memory" && numbers[2] != 0);
    let rows = with_addresses.map(|(_, numbers)| {
        let [domain, base, length, flags] = numbers[..] else { panic!("{numbers:?}: expected four numbers") };
        let range = [format!("{base:#x}"), format!("{:#x}", base + length)];
        json!({ "domain": domain, "range": range, "enabled": flags & 1 != 0, "hot_pluggable": flags & 2 != 0 })
    });
    vec![("memory".to_owned(), rows.collect())]
}

/// What the SLIT says, without its padding.
pub(crate) fn distances(text: &str) -> Sections {
    let Some((_, numbers)) = lines(text).find(|(word, _)| *word == "slit") else { return Vec::new() };
    let count = usize::try_from(numbers[0]).unwrap();
    let rows = numbers[1..].chunks(count).take(count).enumerate();
    let rows = rows.map(|(from, to)| json!({ "from": from, "to": to }));
    vec![("distances".to_owned(), rows.collect())]
}
