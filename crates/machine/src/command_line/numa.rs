//! Nodes: `numa=`.

use crate::command_line::values::memparse::{memparse, number};
use crate::command_line::values::remark::Remarks;
use crate::releases::{Target, first_release, is_known};

const SOURCE: &str = "arch/x86/mm/numa.c:numa_setup, drivers/base/arch_numa.c:numa_parse_early_param, mm/numa_emulation.c (6.12)";

/// What the command line says about nodes. Words accumulate: `numa=noacpi numa=nohmat` sets both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numa {
    /// `numa=off`, or any word that starts with `off`: one node with all memory.
    pub off: bool,
    /// x86, `numa=noacpi`: ignore the SRAT.
    pub noacpi: bool,
    /// x86, `numa=nohmat`: ignore the HMAT, including its soft-reserved ranges.
    pub nohmat: bool,
    /// The last `numa=fake=`, with CONFIG_NUMA_EMU.
    pub fake: Option<FakeNodes>,
}

/// Fake nodes (`mm/numa_emulation.c:numa_emulation`, 6.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeNodes {
    /// How memory is split.
    pub split: Split,
    /// The distances between the nodes, given after a `:`, as written, row by row; empty to use the physical distances.
    pub distances: String,
}

/// How memory is split into fake nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// `N`: split all memory into this many nodes. 0 disables emulation; values above MAX_NUMNODES are capped there.
    Nodes(u64),
    /// `NU`: split each physical node into this many.
    PerNode(u64),
    /// A size with a capital M or G somewhere: nodes of this many bytes.
    Bytes(u64),
}

impl Numa {
    pub(super) fn parse(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("refused: it needs a value", SOURCE);
        };
        if value.starts_with("off") {
            self.off = true;
        } else if let Some(fake) = value.strip_prefix("fake=") {
            if is_known("numa=fake=", target) {
                self.fake(fake, remarks);
            } else {
                remarks.say(
                    format!(
                        "ignored in silence: fake nodes are known since Linux {}",
                        first_release("numa=fake=", target)
                    ),
                    SOURCE,
                );
            }
        } else if is_known("numa=noacpi", target) && value.starts_with("noacpi") {
            self.noacpi = true;
        } else if is_known("numa=nohmat", target) && value.starts_with("nohmat") {
            self.nohmat = true;
        } else {
            remarks.say("ignored in silence: not a word of numa=", SOURCE);
        }
    }

    fn fake(&mut self, text: &str, remarks: &mut Remarks) {
        // The kernel searches the whole text for the letters, and only for capitals.
        let (split, rest) = if text.contains('U') {
            let (nodes, rest) = number(text);
            (Split::PerNode(nodes), rest.strip_prefix('U').unwrap_or(rest))
        } else if text.contains(['M', 'G']) {
            let (bytes, rest) = memparse(text);
            (Split::Bytes(bytes), rest)
        } else {
            let (nodes, rest) = number(text);
            (Split::Nodes(nodes), rest)
        };
        if rest.starts_with(|c: char| "kKmMgGtT".contains(c)) {
            remarks.say("read as a number of nodes: only a capital M or G makes it a size", SOURCE);
        }
        if matches!(split, Split::Nodes(0) | Split::PerNode(0) | Split::Bytes(0)) {
            remarks.say("no fake nodes: read as 0", SOURCE);
        }
        // The kernel does not skip the `U` when it looks for the colon: after a `U`, there are no distances.
        let distances = if text.contains('U') { None } else { rest.strip_prefix(':') };
        self.fake = Some(FakeNodes { split, distances: distances.unwrap_or_default().to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Architecture;

    fn parse(values: &[&str], architecture: Architecture, release: &str) -> (Numa, usize) {
        let (mut numa, mut remarks) = (Numa::default(), Remarks::default());
        let target = Target::new(architecture, release.parse().unwrap());
        for value in values {
            numa.parse(Some(value), &target, &mut remarks);
        }
        (numa, remarks.list.len())
    }

    fn split(value: &str) -> (Split, usize) {
        let (numa, remarks) = parse(&[value], Architecture::X86_64, "6.12");
        (numa.fake.unwrap().split, remarks)
    }

    #[test]
    fn words_accumulate() {
        let (numa, remarks) = parse(&["noacpi", "nohmat", "offline"], Architecture::X86_64, "6.12");
        assert_eq!(numa, Numa { off: true, noacpi: true, nohmat: true, fake: None });
        assert_eq!(remarks, 0);
        assert_eq!(parse(&["bogus"], Architecture::X86_64, "6.12"), (Numa::default(), 1));
        assert_eq!(parse(&["noacpi"], Architecture::Arm64, "6.12"), (Numa::default(), 1));
    }

    #[test]
    fn only_capital_letters_make_a_size() {
        assert_eq!(split("fake=4"), (Split::Nodes(4), 0));
        assert_eq!(split("fake=2U"), (Split::PerNode(2), 0));
        assert_eq!(split("fake=512M"), (Split::Bytes(512 << 20), 0));
        assert_eq!(split("fake=512m"), (Split::Nodes(512), 1));
        assert_eq!(split("fake=0"), (Split::Nodes(0), 1));
    }

    #[test]
    fn distances_follow_a_colon() {
        let (numa, _) = parse(&["fake=2:10,20,20,10"], Architecture::X86_64, "6.12");
        assert_eq!(numa.fake.unwrap().distances, "10,20,20,10");
    }

    #[test]
    fn arm64_has_fake_nodes_since_6_12() {
        assert_eq!(parse(&["fake=2"], Architecture::Arm64, "6.1"), (Numa::default(), 1));
        assert!(parse(&["fake=2"], Architecture::Arm64, "6.12").0.fake.is_some());
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(text in any::<String>()) {
            parse(&[&format!("fake={text}"), &text], Architecture::X86_64, "6.12");
        }
    }
}
