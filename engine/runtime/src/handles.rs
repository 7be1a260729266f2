//! The handles a guest may hold at once.
//!
//! The host pays for each of them. Pollables are cheap (some 130 bytes), and language runtimes rely on having many: that
//! of componentize-js keeps one for each 8 KiB of a body until the request is over. All others may be dear, such as an
//! open file or a block of header fields. The engine's table has one limit for all kinds, so the others are counted here.

use crate::ffi::abi::EngineConfig;
use wasmtime_wasi::ResourceTable;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::types::{HostOutgoingRequest, HostOutgoingResponse};

/// Counting walks through the table: it is done again after so many of the host's calls as make a walk cost this many
/// entries for each of them. A guest can have got no more than that share of new handles meanwhile, or a few.
const ENTRIES_PER_CALL: usize = 16;

pub struct HandleCount {
    max_without_pollables: usize,
    calls_until_count: usize,
    without_pollables: usize,
    with_headers: usize,
}

impl HandleCount {
    pub fn new(caps: &EngineConfig) -> HandleCount {
        HandleCount {
            max_without_pollables: size(caps.max_resources.into()),
            calls_until_count: 0,
            without_pollables: 0,
            with_headers: 0,
        }
    }

    /// To be called with each call of the host.
    pub fn count(&mut self, table: &mut ResourceTable) {
        if self.calls_until_count > 0 {
            self.calls_until_count -= 1;
            return;
        }
        let mut all = 0;
        self.without_pollables = 0;
        self.with_headers = 0;
        for entry in table.iter_mut() {
            all += 1;
            if entry.is::<DynPollable>() {
                continue;
            }
            self.without_pollables += 1;
            if entry.is::<FieldMap>()
                || entry.is::<HostOutgoingRequest>()
                || entry.is::<HostOutgoingResponse>()
            {
                self.with_headers += 1;
            }
        }
        self.calls_until_count = all / ENTRIES_PER_CALL;
    }

    /// Whether the guest held more than it may when it was counted last.
    pub fn is_exceeded(&self) -> bool {
        self.without_pollables > self.max_without_pollables
    }

    /// How many of the handles hold a block of header fields.
    pub fn with_headers(&self) -> usize {
        self.with_headers
    }
}

/// Of the table of a p1 command, which makes no pollables that last.
pub fn table_size(caps: &EngineConfig) -> usize {
    size(caps.max_resources.into())
}

/// Of the table of a component that may use so much memory.
pub fn table_size_with_pollables(caps: &EngineConfig, memory_limit: u64) -> usize {
    let affordable = memory_limit / caps.memory_per_pollable.max(1);
    let pollables = affordable.min(caps.max_pollables.into());
    size(pollables.saturating_add(caps.max_resources.into()))
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1000;

    fn counter() -> HandleCount {
        HandleCount::new(&EngineConfig {
            max_resources: u32::try_from(MAX).unwrap(),
            ..crate::config::default()
        })
    }

    #[test]
    fn too_many_handles_are_noticed_soon() {
        let mut table = ResourceTable::new();
        let mut handles = counter();
        let mut held = 0;
        while !handles.is_exceeded() {
            table.push("a handle").unwrap();
            held += 1;
            handles.count(&mut table);
            assert!(held <= MAX + MAX / ENTRIES_PER_CALL + 1);
        }
        assert!(held > MAX);
        assert_eq!(handles.with_headers(), 0);
    }

    #[test]
    fn what_holds_headers_is_told_apart() {
        let mut table = ResourceTable::new();
        let mut handles = counter();
        for _ in 0..10 {
            table.push("a handle").unwrap();
            table.push(FieldMap::new_mutable(100)).unwrap();
        }
        handles.count(&mut table);
        assert_eq!(handles.with_headers(), 10);
    }

    #[test]
    fn walks_through_a_large_table_are_rare() {
        let mut table = ResourceTable::new();
        for _ in 0..160 {
            table.push("a handle").unwrap();
        }
        let mut handles = counter();
        handles.count(&mut table);
        table.push(FieldMap::new_mutable(100)).unwrap();
        for _ in 0..10 {
            handles.count(&mut table);
            assert_eq!(handles.with_headers(), 0);
        }
        handles.count(&mut table);
        assert_eq!(handles.with_headers(), 1);
    }
}
