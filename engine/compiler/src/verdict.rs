//! Whether this host runs a module, as what, and if not why.

use crate::host;
use crate::survey::{Export, Format, Import, Survey};
use serde::Serialize;
use wasabi_settings::MAX_TABLE_ELEMENTS;

const ACCEPTED: &str = "accepted are WASI p1 commands (core modules that export _start), wasi:cli/command components \
                        and wasi:http/proxy components, both of WASI 0.2";

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    WasiP1Command,
    WasiCliCommand,
    WasiHttpProxy,
    OtherCoreModule,
    OtherComponent,
}

#[derive(Debug, PartialEq)]
pub struct Verdict {
    pub kind: Kind,
    /// Why this host does not run it.
    pub refusal: Option<String>,
}

impl Verdict {
    pub fn on(survey: &Survey) -> Verdict {
        let (kind, wrong_kind) = match survey.format {
            Format::CoreModule => core_kind(survey),
            Format::Component => component_kind(&survey.exports),
        };
        let refusal = wrong_kind
            .map(|what| format!("{what}; {ACCEPTED}"))
            .or_else(|| missing_feature(survey))
            .or_else(|| too_large_a_table(survey))
            .or_else(|| missing_imports(&survey.imports));
        Verdict { kind, refusal }
    }
}

fn core_kind(survey: &Survey) -> (Kind, Option<String>) {
    let export = |name: &str| survey.exports.iter().find(|export| export.name == name);
    if let Some(start) = export("_start") {
        if start.item.description == "func ()" {
            return (Kind::WasiP1Command, None);
        }
        return other_core(format!(
            "a core module whose _start is {}, not a function without parameters and results",
            start.item.description
        ));
    }
    let uses_p1 = survey
        .imports
        .iter()
        .any(|import| import.module.as_deref() == Some(host::P1_MODULE));
    other_core(if export("_initialize").is_some() {
        "a WASI p1 reactor (it exports _initialize, not _start)".to_owned()
    } else if uses_p1 {
        "a WASI p1 library (it exports no _start)".to_owned()
    } else {
        "a core module that exports no _start".to_owned()
    })
}

fn other_core(what: String) -> (Kind, Option<String>) {
    (Kind::OtherCoreModule, Some(what))
}

fn component_kind(exports: &[Export]) -> (Kind, Option<String>) {
    let versions_of = |interface: &str| {
        exports
            .iter()
            .filter_map(move |export| match export.name.split_once('@') {
                Some((name, version)) if name == interface => Some(version.to_owned()),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let handlers = versions_of("wasi:http/incoming-handler");
    let runs = versions_of("wasi:cli/run");
    if handlers.iter().any(|version| host::is_wasi_0_2(version)) {
        return (Kind::WasiHttpProxy, None);
    }
    if runs.iter().any(|version| host::is_wasi_0_2(version)) {
        return (Kind::WasiCliCommand, None);
    }
    let what = if let Some(version) = versions_of("wasi:http/handler").first() {
        format!("a wasi:http {version} component: not supported yet")
    } else if let Some(version) = handlers.first() {
        format!("a wasi:http {version} component: not supported")
    } else if let Some(version) = runs.first() {
        format!("a wasi:cli {version} component: not supported yet")
    } else {
        "a component that exports neither wasi:http/incoming-handler nor wasi:cli/run".to_owned()
    };
    (Kind::OtherComponent, Some(what))
}

fn missing_feature(survey: &Survey) -> Option<String> {
    survey.memories.iter().any(|memory| memory.shared).then(|| {
        "uses threads (a shared memory), which this host does not support: build it without threads"
            .to_owned()
    })
}

/// A table beyond those of the pool of any box.
fn too_large_a_table(survey: &Survey) -> Option<String> {
    let elements = survey.tables.iter().map(|table| table.initial).max();
    let elements = elements.filter(|&number| number > u64::from(MAX_TABLE_ELEMENTS))?;
    Some(format!(
        "has a table of {elements} elements; this host gives at most {MAX_TABLE_ELEMENTS}"
    ))
}

fn missing_imports(imports: &[Import]) -> Option<String> {
    let mut missing = imports.iter().filter_map(missing_import);
    let first = missing.next()?;
    Some(match missing.count() {
        0 => format!("imports {first}"),
        more => format!("imports {first}; and {more} more like that"),
    })
}

/// What is imported and why that does not go.
fn missing_import(import: &Import) -> Option<String> {
    let name = &import.name;
    let Some(module) = &import.module else {
        let provided = import.item.only_types
            || (import.item.description == "instance" && host::provides_interface(name));
        return (!provided).then(|| {
            format!(
                "{name}, which this host does not provide: it provides the interfaces of WASI 0.2"
            )
        });
    };
    let signature = host::p1_signature(name).filter(|_| module == host::P1_MODULE);
    let Some(signature) = signature else {
        return Some(format!(
            "{module}.{name}, which this host does not provide: it provides {}",
            host::P1_MODULE
        ));
    };
    let description = &import.item.description;
    (*description != format!("func {signature}")).then(|| {
        format!("{module}.{name} as {description}, which this host provides as func {signature}")
    })
}
