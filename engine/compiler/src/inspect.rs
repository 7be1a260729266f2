//! The report of `--inspect`.

use crate::failure::one_line;
use crate::footprint;
use crate::host;
use crate::survey::{Export, Import, Sizes, Survey};
use crate::verdict::{Kind, Verdict};
use serde::Serialize;
use wasabi_settings::DEFAULT_MAX_MEMORY_BYTES;
use wasmparser::{MemoryType, TableType, Validator};

/// Of each list: a hostile module has millions of imports.
const MOST_LISTED: usize = 1000;
const WASM_PAGE_BITS: u32 = 16;

#[derive(Default, Serialize)]
pub struct Report {
    pub accepted: bool,
    /// Why it is not accepted.
    pub reason: Option<String>,
    /// Null where it is no WebAssembly at all.
    kind: Option<Kind>,
    /// These four are cut at `MOST_LISTED` entries; `totals` counts all.
    imports: Vec<Import>,
    exports: Vec<Export>,
    memories: Vec<MemoryEntry>,
    tables: Vec<TableEntry>,
    totals: Totals,
    sizes: Sizes,
}

#[derive(Default, Serialize)]
struct Totals {
    imports: usize,
    exports: usize,
    memories: usize,
    tables: usize,
}

#[derive(Serialize)]
struct MemoryEntry {
    minimum_bytes: u128,
    /// Null where the module sets none.
    maximum_bytes: Option<u128>,
    memory64: bool,
    shared: bool,
}

#[derive(Serialize)]
struct TableEntry {
    minimum_elements: u64,
    /// Null where the module sets none.
    maximum_elements: Option<u64>,
    element: String,
}

impl Report {
    pub fn on(bytes: &[u8]) -> Report {
        match Survey::of(bytes) {
            Ok(survey) => Report::on_survey(bytes, survey),
            Err(failure) => Report {
                reason: Some(failure.to_string()),
                sizes: Sizes {
                    module_bytes: bytes.len(),
                    ..Sizes::default()
                },
                ..Report::default()
            },
        }
    }

    fn on_survey(bytes: &[u8], mut survey: Survey) -> Report {
        let verdict = Verdict::on(&survey);
        let refusal = verdict
            .refusal
            .or_else(|| invalid(bytes))
            .or_else(|| footprint::refusal(survey.format, bytes))
            .or_else(|| too_large(&survey.memories));
        let totals = Totals {
            imports: survey.imports.len(),
            exports: survey.exports.len(),
            memories: survey.memories.len(),
            tables: survey.tables.len(),
        };
        survey.imports.truncate(MOST_LISTED);
        survey.exports.truncate(MOST_LISTED);
        Report {
            accepted: refusal.is_none(),
            reason: refusal.map(|text| one_line(&text)),
            kind: Some(verdict.kind),
            imports: survey.imports,
            exports: survey.exports,
            memories: cut(&survey.memories, memory_entry),
            tables: cut(&survey.tables, table_entry),
            totals,
            sizes: survey.sizes,
        }
    }

    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("the report is plain data");
        text.push('\n');
        text
    }
}

/// Why the engine would not compile it, bodies of functions included.
fn invalid(bytes: &[u8]) -> Option<String> {
    let outcome = Validator::new_with_features(host::features()).validate_all(bytes);
    outcome.err().map(|e| format!("the module is invalid: {e}"))
}

/// It compiles, and a box whose operator allows so much runs it.
fn too_large(memories: &[MemoryType]) -> Option<String> {
    let most = u128::from(DEFAULT_MAX_MEMORY_BYTES);
    let bytes = memories.iter().map(minimum_bytes).max();
    bytes.filter(|&bytes| bytes > most).map(|bytes| {
        format!(
            "starts with a memory of {} MiB; a box gives {} MiB unless its --max-memory says more",
            bytes >> 20,
            most >> 20
        )
    })
}

fn cut<T, E>(all: &[T], entry: impl Fn(&T) -> E) -> Vec<E> {
    all.iter().take(MOST_LISTED).map(entry).collect()
}

fn minimum_bytes(memory: &MemoryType) -> u128 {
    bytes_of(memory, memory.initial)
}

/// 2^48 pages of 64 KiB exceed 64 bits.
fn bytes_of(memory: &MemoryType, pages: u64) -> u128 {
    u128::from(pages) << memory.page_size_log2.unwrap_or(WASM_PAGE_BITS)
}

fn memory_entry(memory: &MemoryType) -> MemoryEntry {
    MemoryEntry {
        minimum_bytes: minimum_bytes(memory),
        maximum_bytes: memory.maximum.map(|pages| bytes_of(memory, pages)),
        memory64: memory.memory64,
        shared: memory.shared,
    }
}

fn table_entry(table: &TableType) -> TableEntry {
    TableEntry {
        minimum_elements: table.initial,
        maximum_elements: table.maximum,
        element: table.element_type.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_and_totals_are_not() {
        let imports = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#
            .repeat(3 * MOST_LISTED);
        let report = Report::on(&wat::parse_str(format!("(module {imports})")).unwrap());
        assert_eq!(report.imports.len(), MOST_LISTED);
        assert_eq!(report.totals.imports, 3 * MOST_LISTED);
    }

    #[test]
    fn the_greatest_memory_is_counted_right() {
        let module = "(module (memory i64 0x1000000000000))";
        let report = Report::on(&wat::parse_str(module).unwrap());
        assert_eq!(report.memories[0].minimum_bytes, 1 << 64);
    }

    #[test]
    fn a_memory_that_a_box_gives_only_if_told_to_is_not_accepted() {
        let with = |pages: u32| {
            let module = format!(r#"(module (memory {pages}) (func (export "_start")))"#);
            Report::on(&wat::parse_str(module).unwrap())
        };
        assert!(with(16384).accepted);
        let reason = with(16385).reason.unwrap();
        assert!(reason.contains("--max-memory"), "{reason}");
    }

    #[test]
    fn a_bad_body_is_not_accepted() {
        let module = r#"(module (func (export "_start") i32.add drop))"#;
        let report = Report::on(&wat::parse_str(module).unwrap());
        assert!(!report.accepted);
        let reason = report.reason.unwrap();
        assert!(reason.contains("type mismatch"), "{reason}");
    }
}
