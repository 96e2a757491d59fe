use std::io::{Read, Write};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// A frame that a zstd decoder skips.
const SKIPPABLE: &[u8] = b"\x50\x2a\x4d\x18\x03\0\0\0abc";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

fn read(mut stream: Box<dyn Read + '_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_first_bytes_name_the_format() {
    assert_eq!(Format::of(&gzip(b"x")), Some(Format::Gzip));
    assert_eq!(Format::of(&bzip2(b"x")), Some(Format::Bzip2));
    assert_eq!(Format::of(b"BZhello"), None);
    assert_eq!(Format::of(b"\xfd7zXZ\0\0"), Some(Format::Xz));
    assert_eq!(Format::of(&zstd(b"x")), Some(Format::Zstd));
    assert_eq!(Format::of(SKIPPABLE), Some(Format::Zstd));
    assert_eq!(Format::of(b"\xfd7zXZ"), None);
    assert_eq!(Format::of(b""), None);
}

#[test]
fn only_all_reads_past_the_first_member() {
    for (format, packed) in [
        (Format::Gzip, [gzip(b"one"), gzip(b"two")].concat()),
        (Format::Bzip2, [bzip2(b"one"), bzip2(b"two")].concat()),
        (Format::Zstd, [zstd(b"one"), zstd(b"two")].concat()),
    ] {
        assert_eq!(read(format.first(&*packed)), Ok(b"one".to_vec()));
        assert_eq!(read(format.all(&*packed)), Ok(b"onetwo".to_vec()));
    }
}

#[test]
fn what_follows_the_first_member_may_be_anything() {
    for (format, mut packed) in [(Format::Gzip, gzip(b"one")), (Format::Zstd, zstd(b"one"))] {
        packed.extend(b"size");
        assert_eq!(read(format.first(&*packed)), Ok(b"one".to_vec()));
    }
    let padded = [gzip(b"one"), vec![0; 9]].concat();
    assert_eq!(read(Format::Gzip.all(&*padded)), Ok(b"one".to_vec()));
}

#[test]
fn a_wrong_checksum_is_an_error_either_way() {
    let mut packed = zstd(b"one");
    *packed.last_mut().unwrap() ^= 1;
    let first = "the checksum does not match the content".to_owned();
    assert_eq!(read(Format::Zstd.first(&*packed)), Err(first));
    let all = "a zstd frame's checksum does not match its content".to_owned();
    assert_eq!(read(Format::Zstd.all(&*packed)), Err(all));
}

#[test]
fn a_skippable_frame_is_skipped_but_is_no_first_member() {
    let packed = [SKIPPABLE, &zstd(b"one"), SKIPPABLE].concat();
    assert_eq!(read(Format::Zstd.all(&*packed)), Ok(b"one".to_vec()));
    assert!(read(Format::Zstd.first(&*packed)).is_err());
}
