//! The number of possible processors, which determines the size of per-CPU data.

use crate::command_line::values::kstrto::get_option;
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "kernel/smp.c:nrcpus, maxcpus (6.12)";

/// What the command line says about processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpus {
    /// `nr_cpus=`: the most processors the kernel makes room for, at least 1. Capped at CONFIG_NR_CPUS.
    pub nr_cpus: Option<u32>,
    /// `maxcpus=`: the most processors started at boot; the kernel makes room for more. 0 means one, without SMP.
    pub maxcpus: Option<i32>,
    /// x86: `possible_cpus=`: this many, whether present or not.
    pub possible_cpus: Option<u32>,
}

impl Cpus {
    pub(super) fn nr_cpus(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match above_0(value) {
            Some(count) => self.nr_cpus = Some(count),
            None => remarks.say("ignored in silence: expected a number above 0", SOURCE),
        }
    }

    pub(super) fn maxcpus(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.and_then(get_option) {
            Some(count) => self.maxcpus = Some(count),
            None => remarks.say("ignored in silence: expected a number", SOURCE),
        }
    }

    pub(super) fn possible_cpus(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match above_0(value) {
            Some(count) => self.possible_cpus = Some(count),
            None => remarks.say("expected a number above 0", "kernel-parameters.txt: possible_cpus="),
        }
    }
}

fn above_0(value: Option<&str>) -> Option<u32> {
    value.and_then(get_option).and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_at_least_one_processor() {
        let (mut cpus, mut remarks) = (Cpus::default(), Remarks::default());
        cpus.nr_cpus(Some("4"), &mut remarks);
        for value in [Some("0"), Some("x"), Some("-1"), None] {
            cpus.nr_cpus(value, &mut remarks);
        }
        assert_eq!((cpus.nr_cpus, remarks.list.len()), (Some(4), 4));
        cpus.maxcpus(Some("0"), &mut remarks);
        assert_eq!(cpus.maxcpus, Some(0));
    }
}
