//! A compiled module, mapped and linked, ready to be instantiated.

use crate::engine::Engine;
use crate::ffi::abi::{ProgramInfo, ProgramKind};
use crate::state::State;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{InstancePre, Module, ModuleExport, ResourcesRequired};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

const WASM_PAGE_BYTES: u64 = 64 << 10;
const ACCEPTED: &str = "accepted are: a WASI preview 1 command (a core module that exports `_start`), a component \
     that exports wasi:cli/run@0.2.x, and one that exports wasi:http/incoming-handler@0.2.x";

pub struct Program {
    pub engine: Arc<Engine>,
    pub linked: Linked,
    info: Info,
}

/// A program with its imports bound, by kind.
pub enum Linked {
    P1Command(InstancePre<State>, ModuleExport),
    CliCommand(CommandPre<State>),
    HttpProxy(ProxyPre<State>),
}

struct Info {
    required: Option<ResourcesRequired>,
    code_bytes: usize,
}

impl Program {
    /// # Safety
    /// The file holds what our compiler wrote and stays unchanged while the program lives: its bytes become code.
    pub unsafe fn load(engine: &Arc<Engine>, file: File) -> Result<Program, String> {
        let (linked, info) = if is_component(&file)? {
            // There is no way to hand an open file over, but this path opens the very same one.
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            // SAFETY: the caller vouches for the file.
            let component = unsafe { Component::deserialize_file(&engine.wasmtime, path) }
                .map_err(|error| unloadable(&error))?;
            link_component(engine, &component)?
        } else {
            // SAFETY: the caller vouches for the file.
            let module = unsafe { Module::deserialize_open_file(&engine.wasmtime, file) }
                .map_err(|error| unloadable(&error))?;
            link_module(engine, &module)?
        };
        Ok(Program {
            engine: Arc::clone(engine),
            linked,
            info,
        })
    }

    pub fn kind(&self) -> ProgramKind {
        match self.linked {
            Linked::P1Command(..) => ProgramKind::WasiP1Command,
            Linked::CliCommand(_) => ProgramKind::CliCommand,
            Linked::HttpProxy(_) => ProgramKind::HttpProxy,
        }
    }

    pub fn info(&self) -> ProgramInfo {
        let mut memory_pages = 0;
        let mut table_elements = 0;
        if let Some(required) = &self.info.required {
            memory_pages =
                u64::from(required.num_memories) * required.max_initial_memory_size.unwrap_or(0);
            table_elements =
                u64::from(required.num_tables) * required.max_initial_table_size.unwrap_or(0);
        }
        ProgramInfo {
            kind: self.kind(),
            initial_memory_bytes: memory_pages * WASM_PAGE_BYTES,
            initial_table_elements: table_elements,
            code_bytes: u64::try_from(self.info.code_bytes).unwrap_or(u64::MAX),
        }
    }
}

/// What the engine's ELF header says (its `e_flags`: 1 a module, 2 a component); all else is checked when loading.
fn is_component(file: &File) -> Result<bool, String> {
    const FLAGS_OFFSET: u64 = 48;
    const COMPONENT: u32 = 2;
    let mut flags = [0; 4];
    file.read_exact_at(&mut flags, FLAGS_OFFSET)
        .map_err(|error| format!("not a compiled module: {error}"))?;
    Ok(u32::from_le_bytes(flags) & COMPONENT != 0)
}

fn unloadable(error: &wasmtime::Error) -> String {
    let reason = format!("{error:#}");
    if reason.contains("pooling allocator") {
        return format!("the module asks for more than this host gives: {reason}");
    }
    format!("the compiled module does not fit this engine; compile it again: {reason}")
}

fn link_module(engine: &Engine, module: &Module) -> Result<(Linked, Info), String> {
    let Some(start) = module.get_export_index("_start") else {
        return Err(format!(
            "a core module without `_start` (a library or a reactor); {ACCEPTED}"
        ));
    };
    let is_entry = module
        .get_export("_start")
        .and_then(|export| export.func().cloned())
        .is_some_and(|entry| entry.params().len() == 0 && entry.results().len() == 0);
    if !is_entry {
        return Err(format!(
            "a core module whose `_start` is not a function without parameters and results; {ACCEPTED}"
        ));
    }
    let linked = engine
        .core_linker
        .instantiate_pre(module)
        .map_err(|error| unlinkable("WASI preview 1", &error))?;
    let image = module.image_range();
    let info = Info {
        required: Some(module.resources_required()),
        code_bytes: image.end.addr() - image.start.addr(),
    };
    Ok((Linked::P1Command(linked, start), info))
}

fn link_component(engine: &Engine, component: &Component) -> Result<(Linked, Info), String> {
    let kind = component_kind(engine, component)?;
    let linked = engine
        .component_linker
        .instantiate_pre(component)
        .map_err(|error| unlinkable("WASI 0.2 with wasi:http", &error))?;
    let linked = match kind {
        ProgramKind::HttpProxy => ProxyPre::new(linked).map(Linked::HttpProxy),
        _ => CommandPre::new(linked).map(Linked::CliCommand),
    };
    let image = component.image_range();
    let info = Info {
        required: component.resources_required(),
        code_bytes: image.end.addr() - image.start.addr(),
    };
    linked.map(|linked| (linked, info)).map_err(|error| {
        format!("a component whose export has another type than its name says: {error:#}")
    })
}

fn component_kind(engine: &Engine, component: &Component) -> Result<ProgramKind, String> {
    let of_component = component.component_type();
    let names: Vec<&str> = of_component
        .exports(&engine.wasmtime)
        .map(|(name, _)| name)
        .collect();
    let exports = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    if exports("wasi:http/incoming-handler@0.2.") {
        return Ok(ProgramKind::HttpProxy);
    }
    if exports("wasi:cli/run@0.2.") {
        return Ok(ProgramKind::CliCommand);
    }
    let found = if exports("wasi:http/handler@0.3") || exports("wasi:cli/run@0.3") {
        "a component for WASI 0.3, which is not served yet".to_owned()
    } else if names.is_empty() {
        "a component without exports".to_owned()
    } else {
        format!("a component that exports only {}", names.join(", "))
    };
    Err(format!("{found}; {ACCEPTED}"))
}

fn unlinkable(offered: &str, error: &wasmtime::Error) -> String {
    format!("the module imports what nobody offers here ({offered} is offered): {error:#}")
}
