//! The output of `memblock=debug`: table dumps and calls.

use firmware::log::{MemblockCallKind, MemblockList, MemblockRegion};
use memblock::{PhysRange, Region};

use super::late_calls::{self, LateCall};

/// The dumps and calls logged by `memblock=debug`; both are empty without the parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemblockDebug {
    /// The regions in all dumps, in log order.
    pub regions: Vec<MemblockRegion>,
    /// The calls that change the tables, in order.
    pub calls: Vec<LoggedCall>,
    /// The bytes of each logged allocation, and its caller, in order.
    pub requests: Vec<(u64, String)>,
    /// What is allocated after the last dump, for no parameter; empty if the log does not show all of it.
    pub late: Vec<LateCall>,
}

/// One logged call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// The operation.
    pub kind: MemblockCallKind,
    /// The range it applies to.
    pub range: PhysRange,
    /// The caller, as printed: `setup_arch+0x5a/0x1280`. Empty if the log does not show it.
    pub caller: String,
}

impl LoggedCall {
    /// Whether this function made the call.
    pub fn is_by(&self, function: &str) -> bool {
        is_by(&self.caller, function)
    }
}

fn is_by(caller: &str, function: &str) -> bool {
    caller.strip_prefix(function).is_some_and(|rest| rest.starts_with('+'))
}

impl MemblockDebug {
    pub(super) fn of(log: &[u8]) -> Self {
        let calls = firmware::log::memblock_calls(log).filter_map(Result::ok).map(|call| LoggedCall {
            kind: call.kind,
            range: call.range,
            caller: String::from_utf8_lossy(call.caller).into_owned(),
        });
        let requests = firmware::log::memblock_requests(log)
            .filter_map(Result::ok)
            .map(|request| (request.request.size, String::from_utf8_lossy(request.caller).into_owned()));
        Self {
            requests: requests.collect(),
            late: late_calls::of(log),
            regions: firmware::log::memblock(log).regions().filter_map(Result::ok).collect(),
            calls: calls.collect(),
        }
    }

    /// The ranges this function reserved, in order. O(calls).
    pub fn reserved_by(&self, function: &str) -> impl Iterator<Item = PhysRange> {
        let by_function =
            move |call: &&LoggedCall| call.kind == MemblockCallKind::Reserve && call.is_by(function);
        self.calls.iter().filter(by_function).map(|call| call.range)
    }

    /// The regions of one table in the last dump; `None` if there is no dump.
    pub fn last_dump(&self, list: MemblockList) -> Option<Vec<Region>> {
        let newest = self.regions.iter().map(|region| region.dump).max()?;
        Some(self.dump(newest, list).collect())
    }

    /// The regions of one table in the first of several dumps, which x86 prints before anything is allocated; empty if
    /// there is one dump or none.
    pub fn first_dump(&self, list: MemblockList) -> impl Iterator<Item = Region> {
        let dumps = self.regions.iter().map(|region| region.dump);
        let first = dumps.clone().min().filter(|first| dumps.max() > Some(*first));
        first.into_iter().flat_map(move |first| self.dump(first, list))
    }

    fn dump(&self, dump: usize, list: MemblockList) -> impl Iterator<Item = Region> {
        let of_dump = self.regions.iter().filter(move |region| region.dump == dump && region.list == list);
        of_dump.map(|r| Region { range: r.range, node: r.node, flags: r.flags })
    }

    /// The bytes that this function first asked for with an allocation. O(requests).
    pub fn first_request(&self, function: &str) -> Option<u64> {
        self.requests.iter().find(|(_, caller)| is_by(caller, function)).map(|(size, _)| *size)
    }
}
