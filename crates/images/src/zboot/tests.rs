use std::io::Write;

use super::*;

/// What is packed in these tests: an arm64 Image's first bytes, and much of nothing.
fn kernel() -> Vec<u8> {
    let mut bytes = super::super::arm64_image::tests::debian();
    bytes.resize(100_000, 0);
    bytes
}

/// A zboot image of this payload, which lies at byte 0x50.
pub(crate) fn zboot(compression: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"MZ\0\0zimg\x50\0\0\0".to_vec();
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.resize(0x18, 0);
    bytes.extend(compression);
    bytes.resize(0x50, 0);
    bytes.extend(payload);
    bytes
}

pub(crate) fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&kernel()).unwrap();
    encoder.finish().unwrap()
}

/// With the size behind the compressed data, where Linux's build puts it.
fn zstd() -> Vec<u8> {
    let mut packed =
        ruzstd::encoding::compress_to_vec(&kernel()[..], ruzstd::encoding::CompressionLevel::Fastest);
    packed.extend(100_000_u32.to_le_bytes());
    packed
}

/// The same by `xz --check=crc32 --arm64 --lzma2=dict=32MiB`, as Linux's build packs for arm64.
fn xz() -> Vec<u8> {
    let mut packed =
        b"\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x01\x0a\x00\x21\x01\x1a\x00\x71\xa8\
        \x8a\x89\xe1\x86\x9f\x00\x73\x5d\x00\x26\x96\x84\x0e\xa1\xb1\x2f\x1c\x69\x85\x42\x25\x80\
        \x66\xde\x2d\xa4\xe6\xd2\xc3\x8f\x1c\x51\xc8\x41\xe8\x3a\xa6\xa8\x5e\x8d\x25\xfe\xb1\xd6\
        \xc5\xd6\x9f\xc5\x5f\xe5\xd0\xfa\xbb\x4d\x8d\x44\xfd\x98\x2b\xce\xa6\xc5\x35\xd4\xca\x0a\
        \x68\xda\xf9\xe8\x0b\xc0\x56\xfc\xf1\x28\x87\xf5\x4f\xd4\xd2\x38\xf3\x8a\x5e\x05\x24\xa5\
        \x52\xa5\xe0\x5d\x2c\xbd\x44\x69\xd7\xde\xf2\x1e\x45\xfc\xbe\xd9\x3d\x10\xf2\xc7\xa4\xf0\
        \x09\xa0\xc7\xd7\x93\xd5\xc5\xfc\xfe\x05\x73\xcf\x00\x00\x00\x00\xdb\x4a\x29\xd3\x00\x01\
        \x8b\x01\xa0\x8d\x06\x00\x26\x2f\x9e\x78\x3e\x30\x0d\x8b\x02\x00\x00\x00\x00\x01\x59\x5a"
            .to_vec();
    packed.extend(100_000_u32.to_le_bytes());
    packed
}

fn message(at: usize, value: &[u8]) -> String {
    let mut bytes = zboot(b"gzip", &gzip());
    bytes[at..at + value.len()].copy_from_slice(value);
    Zboot::new(&bytes).unwrap_err().to_string()
}

#[test]
fn a_zboot_image_says_where_its_kernel_is_and_how_it_is_packed() {
    let packed = gzip();
    let bytes = zboot(b"gzip", &packed);
    let image = Zboot::new(&bytes).unwrap();
    assert_eq!(image.payload(), 0x50..0x50 + packed.len());
    assert_eq!(image.compression(), Compression::Gzip);
}

#[test]
fn every_known_compression_gives_the_kernel_back() {
    for (name, packed) in
        [(&b"gzip"[..], gzip()), (b"zstd22", zstd()), (b"zstd", zstd()), (b"xzkern", xz()), (b"xz", xz())]
    {
        let bytes = zboot(name, &packed);
        assert_eq!(Zboot::new(&bytes).unwrap().unpack(100_000).unwrap(), kernel());
    }
}

#[test]
fn a_kernel_larger_than_the_limit_is_refused() {
    for (name, packed) in [(&b"gzip"[..], gzip()), (b"zstd22", zstd()), (b"xzkern", xz())] {
        let bytes = zboot(name, &packed);
        let error = Zboot::new(&bytes).unwrap().unpack(99_999).unwrap_err();
        assert_eq!(
            error.to_string(),
            "byte 0x50: the unpacked kernel has more than the 99999 bytes that were allowed"
        );
    }
}

#[test]
fn a_compression_that_is_not_unpacked_is_named() {
    let bytes = zboot(b"lzma", b"]\0\0");
    let image = Zboot::new(&bytes).unwrap();
    assert_eq!(image.compression(), Compression::Other("lzma"));
    assert_eq!(
        image.unpack(1 << 20).unwrap_err().to_string(),
        "byte 0x18: the kernel is compressed with \"lzma\", expected gzip, xz (xzkern) or zstd (zstd22)"
    );
}

#[test]
fn damaged_payloads_are_refused_whatever_they_claim_to_be() {
    let mut flipped = gzip();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    let mut flipped_zstd = zstd();
    // Before the size lies the checksum.
    let checksum = flipped_zstd.len() - 5;
    flipped_zstd[checksum] ^= 1;
    let cut = gzip()[..50].to_vec();
    for (name, packed) in [
        (&b"gzip"[..], &flipped),
        (b"zstd22", &flipped_zstd),
        (b"gzip", &cut),
        (b"gzip", &zstd()),
        (b"xzkern", &gzip()),
        (b"zstd22", &gzip()),
        (b"zstd22", &zstd()[..40].to_vec()),
    ] {
        let bytes = zboot(name, packed);
        let error = Zboot::new(&bytes).unwrap().unpack(1 << 20).unwrap_err();
        assert!(matches!(error, UnpackError::Damaged { offset: 0x50, .. }), "{error}");
    }
}

#[test]
fn a_header_that_points_out_of_the_file_is_refused() {
    let len = zboot(b"gzip", &gzip()).len();
    assert_eq!(
        message(0xc, &[0xff; 4]),
        format!("byte 0x50: the payload has 0xffffffff bytes from there, but the file ends at byte {len:#x}")
    );
    assert!(message(8, &[0xff; 8]).starts_with("byte 0xffffffff: the payload has 0xffffffff bytes"));
    assert_eq!(
        message(8, &[0x3f]),
        "byte 0x8: the payload's offset is 0x3f, expected 0x40 or more, after the header"
    );
    assert_eq!(
        message(0xc, &[0; 4]),
        "byte 0xc: the payload's size is 0x0, expected the compressed kernel's size in bytes"
    );
    assert_eq!(
        Zboot::new(&zboot(b"gzip", &[0])[..63]).unwrap_err().to_string(),
        "byte 0x0: the zboot header has 0x40 bytes from there, but the file ends at byte 0x3f"
    );
}

#[test]
fn marks_and_names_that_are_none_are_refused() {
    assert_eq!(message(0, b"ZM"), "byte 0x0: the EFI program's magic is 0x4d5a, expected 0x5a4d, \"MZ\"");
    assert_eq!(message(4, b"zimf"), "byte 0x4: the magic is 0x666d697a, expected 0x676d697a, \"zimg\"");
    let expected = "expected printable ASCII, at most 31 characters, and then 0";
    assert_eq!(
        message(0x18, &[0]),
        format!("byte 0x18: a byte of the compression's name is 0x0, {expected}")
    );
    assert_eq!(
        message(0x1a, &[0xff]),
        format!("byte 0x1a: a byte of the compression's name is 0xff, {expected}")
    );
    assert_eq!(
        message(0x18, &[b'x'; 32]),
        format!("byte 0x38: a byte of the compression's name is 0x0, {expected}")
    );
}
