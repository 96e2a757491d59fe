//! The machine's architecture, as `uname -m` prints it.

use evidence::Source;

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

/// Looks for the architecture in `/proc/sys/kernel/arch`, a kept `uname -a`, `/proc/version`, and the banner
/// at the top of the kernel log. Devices and tables are no evidence: x86 has the same ones for 32 and 64 bits.
pub(crate) fn read(tree: &dyn Tree, version: &Source<String>, log: &Source<String>) -> Source<String> {
    if let Source::Read(arch) = value(tree, files::ARCHITECTURE)
        && !arch.is_empty()
    {
        return Source::Read(arch);
    }
    let of_uname = files::UNAMES
        .iter()
        .find_map(|path| whole(tree, path).read().and_then(|text| in_uname(text)).map(str::to_owned));
    let found = of_uname
        .or_else(|| version.read().and_then(|banner| in_banner(banner)).map(str::to_owned))
        .or_else(|| log.read().and_then(|log| in_banner(banner_of(log)?)).map(str::to_owned));
    found.map_or(Source::Missing, Source::Read)
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
    let suffix = release.rsplit('.').next().filter(|suffix| KNOWN.contains(suffix));
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
    suffix.or_else(compiler).or_else(last)
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

    #[test]
    fn proc_sys_kernel_arch_comes_first() {
        let mut archive = Archive::default();
        let version = Source::Read("Linux version 6.1 (x86_64-linux-gnu-gcc) #1".into());
        assert_eq!(read(&archive, &version, &Source::Missing), Source::Read("x86_64".into()));
        archive.insert(files::ARCHITECTURE.into(), Node::File(b"i686\n".to_vec()));
        assert_eq!(read(&archive, &version, &Source::Missing), Source::Read("i686".into()));
    }

    #[test]
    fn without_evidence_it_is_missing() {
        assert_eq!(read(&Archive::default(), &Source::Missing, &Source::Missing), Source::Missing);
    }

    #[test]
    fn the_banner_in_the_log_counts_if_proc_version_is_missing() {
        let log = Source::Read(
            "<6>[    0.0] Booting\n<5>[ 0.0] Linux version 6.1 (riscv64-linux-gnu-gcc) #1\n".into(),
        );
        assert_eq!(read(&Archive::default(), &Source::Missing, &log), Source::Read("riscv64".into()));
    }
}
