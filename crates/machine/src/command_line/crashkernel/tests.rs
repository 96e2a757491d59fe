//! Observed behavior of Linux 6.12.117 for each value, in a guest with 2000 MiB.

use proptest::prelude::*;

use super::*;

const M: u64 = 1 << 20;
/// 2000 MiB minus the holes below 1 MiB.
const TOTAL: u64 = 2000 * M - 0x8_2000;

fn target(architecture: Architecture, release: &str) -> Target {
    Target::new(architecture, release.parse().unwrap())
}

fn parse(line: &str, release: &str) -> (Crashkernel, Vec<crate::command_line::Remark>) {
    let mut remarks = Remarks::default();
    let crashkernel = Crashkernel::parse(line, &target(Architecture::X86_64, release), &mut remarks);
    (crashkernel, remarks.list)
}

fn request(line: &str) -> Result<CrashkernelRequest, CrashkernelError> {
    parse(line, "6.12").0.request(TOTAL)
}

fn plain(size: u64) -> CrashkernelRequest {
    CrashkernelRequest { size: size * M, base: None, high: false, low: LowMemory::Default, cma: None }
}

#[test]
fn what_the_kernel_reserves() {
    let at_512m = CrashkernelRequest { base: Some(512 * M), ..plain(64) };
    for (line, expected) in [
        ("crashkernel=64M", plain(64)),
        ("crashkernel=64M@512M", at_512m),
        ("crashkernel=64M@512Mx", at_512m),
        ("crashkernel=64M@", plain(64)),
        ("crashkernel=64M@0", plain(64)),
        ("crashkernel=64M crashkernel=32M", plain(32)),
        ("crashkernel=64M,highx crashkernel=32M", plain(32)),
        ("crashkernel=1G-:64M,3G-:x@512M", at_512m),
        ("crashkernel=1G-1500M:16M,1500M-4G:64M@512M", at_512m),
        ("xcrashkernel=64M", plain(64)),
        ("-- crashkernel=64M", plain(64)),
    ] {
        assert_eq!(request(line), Ok(expected), "{line}");
    }
}

#[test]
fn ranges_are_compared_with_memory_rounded_up_to_128_mib() {
    assert_eq!(request("crashkernel=2040M-:64M"), Ok(plain(64)));
    assert_eq!(request("crashkernel=1G-2G:64Mjunk"), Err(CrashkernelError::Zero));
    let (exact, _) = parse("crashkernel=1G-2G:64M", "6.12");
    assert_eq!(exact.request(1920 * M), Ok(plain(64)));
}

#[test]
fn the_reason_for_no_reservation_uses_the_kernels_words() {
    for (line, words) in [
        ("crashkernel=256M crashkernel=64M,cma", "crashkernel: unrecognized char: ,"),
        ("crashkernel=x crashkernel=256M,high", "crashkernel: memory value expected"),
        ("crashkernel=256M,high crashkernel=x,low", "crashkernel: memory value expected"),
        ("crashkernel=1G-:0M", "crashkernel size resulted in zero bytes"),
        ("crashkernel=4G-:256M crashkernel=64M,high", "crashkernel size resulted in zero bytes"),
        ("crashkernel=1G-1500M:64Mjunk,1G-:32M", "crashkernel size resulted in zero bytes"),
        ("crashkernel=1G:64M", "crashkernel: '-' expected"),
        ("crashkernel=2G-1G:64M", "crashkernel: end <= start"),
        ("crashkernel=:64M", "crashkernel: Memory value expected"),
        ("crashkernel=1G-2G;64M:", "crashkernel: ':' expected"),
        ("crashkernel=1G-:x", "crashkernel: Memory value expected"),
        ("crashkernel=1G-:3G", "crashkernel: invalid size"),
        ("crashkernel=1G-:64M@", "crahskernel: Memory value expected after '@'"),
        ("crashkernel=\"64M\"", "crashkernel: memory value expected"),
        ("crashkernel=64M,foo", "crashkernel: unrecognized char: ,"),
        ("crashkernel=64Mx", "crashkernel: unrecognized char: x"),
        ("crashkernel=64Mjunk,high", "crashkernel: unrecognized char: j"),
    ] {
        assert_eq!(request(line).unwrap_err().to_string(), words, "{line}");
    }
}

#[test]
fn some_failures_are_silent() {
    assert_eq!(request("crashkernel"), Err(CrashkernelError::NotGiven));
    assert_eq!(request("crashkernel=64M,low"), Err(CrashkernelError::NotGiven));
    assert_eq!(request("crashkernel=0 crashkernel=256M,high"), Err(CrashkernelError::ZeroSize));
    assert_eq!(request("crashkernel=0,high"), Err(CrashkernelError::ZeroSize));
    let too_large = CrashkernelError::TooLarge { size: 3072 * M, total: TOTAL };
    assert_eq!(request("crashkernel=3G"), Err(too_large));
}

#[test]
fn low_memory_accompanies_high_and_0_is_not_the_default() {
    let high = |low| CrashkernelRequest { high: true, low, ..plain(256) };
    assert_eq!(request("crashkernel=256M,high"), Ok(high(LowMemory::Default)));
    assert_eq!(request("crashkernel=256M,high crashkernel=0,low"), Ok(high(LowMemory::Bytes(0))));
    let expected = high(LowMemory::Bytes(128 * M));
    assert_eq!(request("crashkernel=9M,low crashkernel=256M,high crashkernel=128M,low"), Ok(expected));
}

#[test]
fn x86_before_6_7_falls_back_to_high() {
    let line = "crashkernel=x crashkernel=256M,high crashkernel=y,low";
    let expected = CrashkernelRequest { high: true, ..plain(256) };
    assert_eq!(parse(line, "6.1").0.request(TOTAL), Ok(expected));
    let arm64 = Crashkernel::parse(line, &target(Architecture::Arm64, "6.1"), &mut Remarks::default());
    assert_eq!(arm64.request(TOTAL), Err(CrashkernelError::MemoryValue));
}

#[test]
fn cma_is_known_since_6_17_and_makes_the_value_malformed_before() {
    let line = "crashkernel=256M crashkernel=512M,cma";
    let (new, remarks) = parse(line, "6.17");
    assert_eq!(new.request(TOTAL), Ok(CrashkernelRequest { cma: Some(512 * M), ..plain(256) }));
    assert_eq!(remarks, []);
    let mut remarks = Remarks::default();
    let arm64 = Crashkernel::parse(line, &target(Architecture::Arm64, "6.17"), &mut remarks);
    assert_eq!((arm64.request(TOTAL), remarks.list.len()), (Ok(plain(256)), 1));
    let (old, remarks) = parse(line, "6.12");
    assert!(old.request(TOTAL).is_err());
    assert_eq!((remarks.len(), remarks[0].parameter.as_str()), (1, "crashkernel=512M,cma"));
}

#[test]
fn ignored_values_are_remarked_on() {
    let remarked = |line| {
        let (_, remarks) = parse(line, "6.12");
        remarks.into_iter().map(|remark| remark.parameter).collect::<Vec<_>>()
    };
    assert_eq!(remarked("crashkernel=64M crashkernel=1G,high"), ["crashkernel=1G,high"]);
    assert_eq!(remarked("crashkernel=64M,low"), ["crashkernel=64M,low"]);
    assert_eq!(remarked("crashkernel=auto"), ["crashkernel=auto"]);
    assert_eq!(remarked("crashkernel=64M crashkernel=4G-:256M"), [""; 0]);
}

proptest! {
    #[test]
    fn no_text_panics_the_parser(line in "(crashkernel=[0-9MGE@:,hilow-]{0,16} ?){0,3}|\\PC*", total: u64) {
        let _ = parse(&line, "6.12").0.request(total);
        let _ = parse(&line, "6.1").0.request(total);
    }

    #[test]
    fn a_size_is_reserved_as_written(size in 1_u64..4096, total in 4097_u64..1 << 30) {
        let (crashkernel, remarks) = parse(&format!("crashkernel={size}M"), "6.12");
        prop_assert_eq!(crashkernel.request(total * M), Ok(plain(size)));
        prop_assert_eq!(remarks, []);
    }
}

#[test]
fn red_hats_kernels_know_auto_and_others_do_not() {
    let size = |release: &str, total: u64| {
        parse("crashkernel=auto", release).0.request(total).map(|request| request.size >> 20)
    };
    assert_eq!(size("3.10.0-693.el7.x86_64", 8191 << 20), Ok(161));
    assert_eq!(size("2.6.32-696.el6.x86_64", 72 << 30), Ok(133));
    assert_eq!(size("2.6.32-431.el6.x86_64", 1800 << 20), Err(CrashkernelError::ZeroSize));
    assert_eq!(size("2.6.32-431.el6.x86_64", 2048 << 20), Ok(129));
    assert_eq!(size("2.6.32-279.el6.x86_64", 17408 << 20), Ok(130));
    assert_eq!(size("4.18.0-348.el8.x86_64", 32761 << 20), Ok(256));
    assert_eq!(size("4.18.0-80.el8.x86_64", 32761 << 20), Ok(192));
    assert_eq!(size("3.10.0-693.el7.x86_64", 1 << 30), Err(CrashkernelError::ZeroSize));
    assert_eq!(size("5.14.0-503.el9.x86_64", 8 << 30), Err(CrashkernelError::MemoryValue));
}
