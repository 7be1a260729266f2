//! What a module or component consists of, read without compiling it and without judging it.

use crate::failure::Failure;
use serde::Serialize;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::{EntityType, Types, TypesRef};
use wasmparser::{
    BinaryReaderError, Encoding, FuncType, MemoryType, Parser, Payload, TableType, TypeRef,
    ValidPayload, Validator, WasmFeatures,
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    CoreModule,
    Component,
}

#[derive(Serialize)]
pub struct Import {
    /// The first half of a core module's import; components import by one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    pub name: String,
    #[serde(flatten)]
    pub item: Item,
}

#[derive(Serialize)]
pub struct Export {
    pub name: String,
    #[serde(flatten)]
    pub item: Item,
}

/// What is imported or exported.
#[derive(Serialize)]
pub struct Item {
    /// `func (i32) -> i32`, `memory`, `instance` and the like.
    #[serde(rename = "type")]
    pub description: String,
    /// An instance that holds nothing but types: nobody has to provide it.
    #[serde(skip)]
    pub only_types: bool,
}

#[derive(Default, Serialize)]
pub struct Sizes {
    pub module_bytes: usize,
    pub code_bytes: usize,
    pub data_bytes: usize,
    pub custom_bytes: usize,
    pub custom_sections: usize,
    pub functions: usize,
    /// 1 for a core module itself.
    pub core_modules: usize,
}

pub struct Survey {
    pub format: Format,
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    /// Of all core modules inside, imported ones included.
    pub memories: Vec<MemoryType>,
    pub tables: Vec<TableType>,
    pub sizes: Sizes,
}

impl Survey {
    /// Checks the structure, but not the functions' bodies: whoever compiles or reports does that. Knows every feature
    /// there is, so that what this host lacks can be named.
    pub fn of(bytes: &[u8]) -> Result<Survey, Failure> {
        let format = format_of(bytes)?;
        let mut survey = Survey {
            format,
            imports: Vec::new(),
            exports: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            sizes: Sizes {
                module_bytes: bytes.len(),
                ..Sizes::default()
            },
        };
        survey.read(bytes).map_err(|e| malformed(&e))?;
        Ok(survey)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), BinaryReaderError> {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut names = ComponentNames::default();
        let mut types = None;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            // Types become known at the end of each nested module; the outermost ends last.
            if let ValidPayload::End(known) = validator.payload(&payload)? {
                types = Some(known);
            }
            names.collect(&payload)?;
            self.count(payload)?;
        }
        if let Some(types) = types {
            self.list(&types, &names);
        }
        Ok(())
    }

    fn count(&mut self, payload: Payload) -> Result<(), BinaryReaderError> {
        let sizes = &mut self.sizes;
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => sizes.core_modules += 1,
            Payload::FunctionSection(section) => sizes.functions += section.count() as usize,
            Payload::CodeSectionStart { size, .. } => sizes.code_bytes += size as usize,
            Payload::DataSection(section) => sizes.data_bytes += section.range().len(),
            Payload::CustomSection(section) => {
                sizes.custom_sections += 1;
                sizes.custom_bytes += section.data().len();
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Memory(memory) => self.memories.push(memory),
                        TypeRef::Table(table) => self.tables.push(table),
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn list(&mut self, types: &Types, names: &ComponentNames) {
        let types = types.as_ref();
        for (module, name, entity) in types.core_imports().into_iter().flatten() {
            self.imports.push(Import {
                module: Some(module.to_owned()),
                name: name.to_owned(),
                item: core_item(types, entity),
            });
        }
        for (name, entity) in types.core_exports().into_iter().flatten() {
            self.exports.push(Export {
                name: name.to_owned(),
                item: core_item(types, entity),
            });
        }
        for name in &names.imports {
            if let Some(import) = types.component_item_for_import(name) {
                self.imports.push(Import {
                    module: None,
                    name: name.clone(),
                    item: component_item(types, import.ty),
                });
            }
        }
        for name in &names.exports {
            if let Some(export) = types.component_item_for_export(name) {
                self.exports.push(Export {
                    name: name.clone(),
                    item: component_item(types, export.ty),
                });
            }
        }
    }
}

/// What the outermost component imports and exports.
#[derive(Default)]
struct ComponentNames {
    depth: usize,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl ComponentNames {
    fn collect(&mut self, payload: &Payload) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth -= 1,
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn format_of(bytes: &[u8]) -> Result<Format, Failure> {
    if bytes.is_empty() {
        return Err(Failure::Refused("the module is empty".to_owned()));
    }
    if bytes.trim_ascii_start().starts_with(b"(") {
        return Err(Failure::Refused(
            "not a binary WebAssembly module, but its text format: convert it first (wat2wasm, wasm-tools parse)"
                .to_owned(),
        ));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Failure::Refused(
            "not a WebAssembly module: it does not begin with \\0asm".to_owned(),
        ));
    }
    if Parser::is_component(bytes) {
        Ok(Format::Component)
    } else {
        Ok(Format::CoreModule)
    }
}

pub fn malformed(error: &BinaryReaderError) -> Failure {
    Failure::Refused(format!("the module is malformed: {error}"))
}

fn core_item(types: TypesRef, entity: EntityType) -> Item {
    let description = match entity {
        EntityType::Func(id) | EntityType::FuncExact(id) => match &types[id].composite_type.inner {
            wasmparser::CompositeInnerType::Func(function) => {
                format!("func {}", signature(function))
            }
            _ => "func".to_owned(),
        },
        EntityType::Table(_) => "table".to_owned(),
        EntityType::Memory(_) => "memory".to_owned(),
        EntityType::Global(global) => format!("global {}", global.content_type),
        EntityType::Tag(_) => "tag".to_owned(),
    };
    Item {
        description,
        only_types: false,
    }
}

/// `(i32, i64) -> i32`
fn signature(function: &FuncType) -> String {
    let list = |types: &[wasmparser::ValType]| {
        let texts: Vec<String> = types.iter().map(ToString::to_string).collect();
        texts.join(", ")
    };
    match function.results() {
        [] => format!("({})", list(function.params())),
        [result] => format!("({}) -> {result}", list(function.params())),
        results => format!("({}) -> ({})", list(function.params()), list(results)),
    }
}

fn component_item(types: TypesRef, entity: ComponentEntityType) -> Item {
    let description = match entity {
        ComponentEntityType::Module(_) => "core module",
        ComponentEntityType::Func(_) => "func",
        ComponentEntityType::Value(_) => "value",
        ComponentEntityType::Type { .. } => "type",
        ComponentEntityType::Instance(_) => "instance",
        ComponentEntityType::Component(_) => "component",
    };
    Item {
        description: description.to_owned(),
        only_types: holds_only_types(types, entity),
    }
}

fn holds_only_types(types: TypesRef, entity: ComponentEntityType) -> bool {
    let ComponentEntityType::Instance(id) = entity else {
        return false;
    };
    types[id].exports.values().all(|export| {
        matches!(export.ty, ComponentEntityType::Type { created, .. }
            if !matches!(created, ComponentAnyTypeId::Resource(_)))
    })
}
