//! The machine's architecture, as `uname -m` prints it.

mod signs;

use evidence::log::last_boot;
use evidence::snapshot::stand_in;
use evidence::{Snapshot, Source};

use crate::readers::text::{value, whole};
use crate::root::files;
use crate::root::tree::Tree;

/// Architectures by their Linux names. Other words are no evidence.
const KNOWN: [&str; 20] = [
    "x86_64",
    "i386",
    "i486",
    "i586",
    "i686",
    "aarch64",
    "armv6l",
    "armv7l",
    "armv8l",
    "riscv64",
    "riscv32",
    "ppc64",
    "ppc64le",
    "ppc",
    "s390x",
    "loongarch64",
    "mips",
    "mips64",
    "sparc64",
    "parisc64",
];

/// Looks for the architecture in `/proc/sys/kernel/arch`, a kept `uname -a`, and `/proc/version`; then in what stands in
/// for them, the most explicit first.
///
/// | order | place |
/// |---|---|
/// | 1 | the banner at the top of the kernel log |
/// | 2 | the ending of the kernel's release |
/// | 3 | the kernel's build configuration |
/// | 4 | words in the log, `/proc/iomem` and `/proc/zoneinfo` that only one architecture's kernel uses |
/// | 5 | the endings of the file names in `/boot` |
pub(crate) fn complete(snapshot: &mut Snapshot, tree: &dyn Tree) {
    if let Some(named) = named(tree, &snapshot.version) {
        snapshot.architecture = Source::Read(named);
    } else if let Some((name, from)) = told(tree, snapshot) {
        snapshot.architecture = Source::Read(name);
        snapshot.stand_ins.insert(stand_in::ARCHITECTURE.to_owned(), from);
    }
}

/// The architecture where it is named.
fn named(tree: &dyn Tree, version: &Source<String>) -> Option<String> {
    if let Source::Read(arch) = value(tree, files::ARCHITECTURE)
        && !arch.is_empty()
    {
        return Some(arch);
    }
    let of_uname = files::UNAMES
        .iter()
        .find_map(|path| whole(tree, path).read().and_then(|text| in_uname(text)).map(str::to_owned));
    of_uname.or_else(|| version.read().and_then(|banner| in_banner(banner)).map(str::to_owned))
}

/// The architecture from what stands in, and what that is.
fn told(tree: &dyn Tree, snapshot: &Snapshot) -> Option<(String, String)> {
    let Snapshot { kernel_log, iomem, zoneinfo, kernel_config, .. } = snapshot;
    let log = kernel_log.read().map(|log| last_boot(log));
    let found = |name: &str, from: String| Some((name.to_owned(), from));
    if let Some(name) = log.and_then(|log| in_banner(banner_of(log)?)) {
        return found(name, "the banner of the kernel log".into());
    }
    if let Source::Read(release) = value(tree, files::RELEASE)
        && let Some(name) = in_release(&release)
    {
        return found(name, format!("the ending of the release {release}"));
    }
    if let Some((name, line)) = kernel_config.read().and_then(|config| signs::of_config(config)) {
        return found(name, format!("the kernel's build configuration: `{line}`"));
    }
    let texts = [
        ("the kernel log", log.map(signs::of_log)),
        ("/proc/iomem", iomem.read().map(|text| signs::of_iomem(text))),
        ("/proc/zoneinfo", zoneinfo.read().map(|text| signs::of_zones(text))),
    ];
    let all: Vec<_> = texts.iter().filter_map(|(_, signs)| signs.clone()).flatten().collect();
    let width = signs::width(zoneinfo.read().map(String::as_str), log);
    if let Some((name, word)) = signs::agreed(&all, width) {
        let is_there = |(_, signs): &&(&str, Option<Vec<signs::Sign>>)| {
            signs.as_ref().is_some_and(|signs| signs.iter().any(|sign| sign.is(word)))
        };
        let place = texts.iter().find(is_there).map_or("what is there", |(place, _)| *place);
        return found(name, format!("{place}: `{word}`, which only such kernels have"));
    }
    let Source::Read(boot) = tree.list("boot") else { return None };
    let names = boot.iter().filter(|entry| {
        ["config-", "System.map-", "vmlinuz-"].iter().any(|start| entry.name.starts_with(start))
    });
    let mut told = names.filter_map(|entry| Some((in_release(&entry.name)?, &entry.name)));
    let (name, file) = told.next()?;
    // Kernels of two architectures beside each other: of a system installer, for instance.
    told.all(|(other, _)| other == name).then(|| found(name, format!("/boot/{file}"))).flatten()
}

/// The architecture that a release, or a file name that ends in one, names: `6.1.0-38-amd64`, `5.14.0-70.el9.x86_64`,
/// `5.14.0-70.el9.aarch64+debug`, `6.1.0-38-cloud-arm64`, `6.1.0-38-686-pae`.
fn in_release(release: &str) -> Option<&str> {
    let named = release.split(['.', '-', '+']).rev().find_map(|word| match word {
        "amd64" => Some("x86_64"),
        "arm64" => Some("aarch64"),
        "armmp" | "armhf" => Some("armv7l"),
        word => KNOWN.iter().find(|known| **known == word).copied(),
    });
    // Elsewhere it may be a number of the version.
    named.or_else(|| release.split('-').any(|word| word == "686").then_some("i686"))
}

/// `Linux HOST RELEASE ... MACHINE [PROCESSOR PLATFORM] GNU/Linux`: a host can have any name, so the
/// first three words do not count.
fn in_uname(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("Linux "))?;
    line.split_whitespace().skip(3).find(|word| KNOWN.contains(word))
}

/// The banner in a kernel log: the text of `/proc/version`.
fn banner_of(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.find("Linux version ").and_then(|at| line.get(at..)))
}

/// `Linux version RELEASE (BUILDER) (COMPILER) ...`: the release ends in the architecture in RPM
/// distributions, a cross compiler's name begins with it, and some builds put `uname`'s words at the end.
fn in_banner(banner: &str) -> Option<&str> {
    let release = banner.strip_prefix("Linux version ")?.split_whitespace().next()?;
    let compiler = || {
        banner.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',')).find_map(|word| {
            let (machine, rest) = word.split_once('-')?;
            let compiler = rest.contains("linux") && (rest.contains("-gcc") || rest.contains("-clang"));
            compiler.then(|| name_of_triple(machine)).flatten()
        })
    };
    let last = || {
        let (before, word) = banner.trim_end().rsplit_once(char::is_whitespace)?;
        let word =
            if word == "GNU/Linux" { before.trim_end().rsplit(char::is_whitespace).next()? } else { word };
        KNOWN.contains(&word).then_some(word)
    };
    in_release(release).or_else(compiler).or_else(last)
}

/// Compiler names of architectures that differ from the kernel's.
fn name_of_triple(machine: &str) -> Option<&str> {
    match machine {
        "powerpc64le" => Some("ppc64le"),
        "powerpc64" => Some("ppc64"),
        "powerpc" => Some("ppc"),
        machine => KNOWN.contains(&machine).then_some(machine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    #[test]
    fn the_banner_gives_it_by_release_compiler_or_last_words() {
        for (banner, arch) in [
            ("Linux version 5.14.0-70.el9.x86_64 (mockbuild@host) (gcc (GCC) 11.2.1) #1 SMP", Some("x86_64")),
            ("Linux version 6.12.117 (x@y) (x86_64-linux-gnu-gcc-12 (Debian) 12.2.0) #1 SMP", Some("x86_64")),
            ("Linux version 6.12.117 (x@y) (aarch64-linux-gnu-gcc (Debian) 12.2.0) #1 SMP", Some("aarch64")),
            ("Linux version 6.1 (x@y) (powerpc64le-linux-gnu-gcc) #1", Some("ppc64le")),
            ("Linux version 6.1 (x@y) (gcc) #1 SMP aarch64 GNU/Linux", Some("aarch64")),
            ("Linux version 6.18.44 (builder@x86_64) (gcc (GCC) 15.3.0) #1 SMP", None),
        ] {
            assert_eq!(in_banner(banner), arch, "{banner}");
        }
    }

    #[test]
    fn a_host_called_like_an_architecture_is_no_evidence() {
        let uname = "Linux x86_64 5.14.0 #1 SMP aarch64 aarch64 aarch64 GNU/Linux\n";
        assert_eq!(in_uname(uname), Some("aarch64"));
        assert_eq!(in_uname("Linux x86_64 5.14.0 #1 SMP GNU/Linux"), None);
    }

    fn completed(archive: &Archive, version: &str, log: &str) -> Snapshot {
        let text = |text: &str| if text.is_empty() { Source::Missing } else { Source::Read(text.to_owned()) };
        let mut snapshot = Snapshot { version: text(version), kernel_log: text(log), ..Snapshot::default() };
        complete(&mut snapshot, archive);
        snapshot
    }

    #[test]
    fn proc_sys_kernel_arch_comes_first() {
        let mut archive = Archive::default();
        let version = "Linux version 6.1 (x86_64-linux-gnu-gcc) #1";
        assert_eq!(completed(&archive, version, "").architecture, Source::Read("x86_64".into()));
        archive.insert(files::ARCHITECTURE.into(), Node::File(b"i686\n".to_vec()));
        let snapshot = completed(&archive, version, "");
        assert_eq!(snapshot.architecture, Source::Read("i686".into()));
        assert!(snapshot.stand_ins.is_empty());
    }

    #[test]
    fn without_evidence_it_is_missing() {
        assert_eq!(completed(&Archive::default(), "", "").architecture, Source::Missing);
    }

    #[test]
    fn what_stands_in_is_named() {
        let banner = "<6>[    0.0] Booting\n<5>[ 0.0] Linux version 6.1 (riscv64-linux-gnu-gcc) #1\n";
        let of_release = |file: &str| {
            let mut archive = Archive::default();
            archive.insert(file.into(), Node::File(b"6.1.0-38-amd64\n".to_vec()));
            archive
        };
        for (archive, log, name, from) in [
            (Archive::default(), banner, "riscv64", "the banner of the kernel log"),
            (of_release(files::RELEASE), "", "x86_64", "the ending of the release 6.1.0-38-amd64"),
            (of_release("boot/vmlinuz-6.1.0-rt-arm64"), "", "aarch64", "/boot/vmlinuz-6.1.0-rt-arm64"),
            (
                Archive::default(),
                "[ 0.0] x86/fpu: x\n",
                "x86_64",
                "the kernel log: `x86/`, which only such kernels have",
            ),
        ] {
            let snapshot = completed(&archive, "", log);
            assert_eq!(snapshot.architecture, Source::Read(name.into()));
            assert_eq!(snapshot.stand_ins.get(stand_in::ARCHITECTURE).map(String::as_str), Some(from));
        }
    }

    #[test]
    fn kernels_of_two_architectures_in_boot_tell_nothing() {
        let mut archive = Archive::default();
        archive.insert("boot/vmlinuz-6.1.0-amd64".into(), Node::Directory);
        archive.insert("boot/vmlinuz-6.1.0-arm64".into(), Node::Directory);
        assert_eq!(completed(&archive, "", "").architecture, Source::Missing);
    }

    #[test]
    fn a_release_ends_in_its_architecture() {
        for (release, name) in [
            ("6.1.0-38-amd64", Some("x86_64")),
            ("6.1.0-38-cloud-arm64", Some("aarch64")),
            ("6.1.0-38-686-pae", Some("i686")),
            ("5.14.0-70.el9.x86_64+debug", Some("x86_64")),
            ("5.8.0-0.bpo.2-arm64", Some("aarch64")),
            ("6.8.0-31-generic", None),
            ("6.12.686", None),
        ] {
            assert_eq!(in_release(release), name, "{release}");
        }
    }
}
