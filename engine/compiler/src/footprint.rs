//! What a program takes of the pool of a box: the engine's own translation is asked, which lays out everything that will
//! be instantiated (nested components, adapters between them), but compiles nothing.

use crate::host;
use crate::survey::Format;
use wasabi_settings::{MAX_CORE_INSTANCES, MAX_INSTANCE_BYTES, MAX_MEMORIES, MAX_TABLES};
use wasmparser::{Parser, Validator};
use wasmtime_environ::component::{
    ComponentTypesBuilder, GlobalInitializer, InstantiateModule, Translator, VMComponentOffsets,
};
use wasmtime_environ::prelude::Result;
use wasmtime_environ::{
    EntityRef, Module, ModuleEnvironment, ModuleTypesBuilder, ScopeVec, StaticModuleIndex,
    Tunables, VMOffsets,
};

/// What the engine keeps of an instance beside the part that the module determines, rounded up.
const INSTANCE_HEAD_BYTES: u64 = 1 << 10;
const POINTER_BYTES: u8 = 8;

#[derive(Default)]
struct Footprint {
    core_instances: usize,
    memories: usize,
    tables: usize,
    instance_bytes: u64,
}

/// Why no box has room for it. Nothing to say about a module that is invalid: whoever compiles it finds that.
pub fn refusal(format: Format, bytes: &[u8]) -> Option<String> {
    let footprint = match format {
        Format::CoreModule => Footprint::of_module(bytes),
        Format::Component => Footprint::of_component(bytes),
    };
    footprint.ok().and_then(|footprint| footprint.too_much())
}

impl Footprint {
    fn of_module(bytes: &[u8]) -> Result<Footprint> {
        let mut parser = Parser::new(0);
        parser.set_features(host::features());
        let mut validator = Validator::new_with_features(host::features());
        let mut types = ModuleTypesBuilder::new(&validator);
        let tunables = Tunables::default_host();
        let only = StaticModuleIndex::new(0);
        let translation = ModuleEnvironment::new(&tunables, &mut validator, &mut types, only)
            .translate(parser, bytes)?;
        let mut footprint = Footprint::default();
        footprint.add(&translation.module);
        Ok(footprint)
    }

    fn of_component(bytes: &[u8]) -> Result<Footprint> {
        let scope = ScopeVec::new();
        let mut validator = Validator::new_with_features(host::features());
        let mut types = ComponentTypesBuilder::new(&validator);
        let tunables = Tunables::default_host();
        let (translation, modules) =
            Translator::new(&tunables, &mut validator, &mut types, &scope).translate(bytes)?;
        let component = translation.component;
        let own = VMComponentOffsets::new(POINTER_BYTES, &component).size_of_vmctx();
        let mut footprint = Footprint {
            instance_bytes: u64::from(own),
            ..Footprint::default()
        };
        for initializer in &component.initializers {
            if let GlobalInitializer::InstantiateModule(InstantiateModule::Static(index, _), _) =
                initializer
            {
                footprint.add(&modules[*index].module);
            }
        }
        Ok(footprint)
    }

    fn add(&mut self, module: &Module) {
        self.core_instances += 1;
        self.memories += module.num_defined_memories();
        self.tables += module.num_defined_tables();
        let laid_out = VMOffsets::new(POINTER_BYTES, module).size_of_vmctx();
        self.instance_bytes += u64::from(laid_out) + INSTANCE_HEAD_BYTES;
    }

    fn too_much(&self) -> Option<String> {
        let counted = |number: usize, what: &str, most: u32| {
            (number > most as usize)
                .then(|| format!("has {number} {what}; this host gives at most {most}"))
        };
        counted(self.core_instances, "core instances", MAX_CORE_INSTANCES)
            .or_else(|| counted(self.memories, "memories", MAX_MEMORIES))
            .or_else(|| counted(self.tables, "tables", MAX_TABLES))
            .or_else(|| {
                (self.instance_bytes > MAX_INSTANCE_BYTES).then(|| {
                    format!(
                        "has so many globals, tables and functions that are referred to that an instance takes {} KiB \
                         besides its memories; this host gives at most {} KiB",
                        self.instance_bytes >> 10,
                        MAX_INSTANCE_BYTES >> 10
                    )
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_of(format: Format, text: &str) -> Option<String> {
        refusal(format, &wat::parse_str(text).unwrap())
    }

    fn component(instances: u32, of: &str) -> String {
        let each = "(core instance (instantiate $m))".repeat(instances as usize);
        format!("(component (core module $m {of}) {each})")
    }

    #[test]
    fn core_instances_count_wherever_they_are_nested() {
        let most = MAX_CORE_INSTANCES;
        assert_eq!(refusal_of(Format::Component, &component(most, "")), None);
        let reason = refusal_of(Format::Component, &component(most + 1, "")).unwrap();
        assert!(reason.starts_with("has 33 core instances"), "{reason}");

        let inner = component(most / 2, "").replacen("(component", "(component $c", 1);
        let twice =
            format!("(component {inner} (instance (instantiate $c)) (instance (instantiate $c)))");
        assert_eq!(refusal_of(Format::Component, &twice), None);
        let thrice = format!("{} (instance (instantiate $c)))", &twice[..twice.len() - 1]);
        assert!(refusal_of(Format::Component, &thrice).is_some());
    }

    #[test]
    fn memories_and_tables_count_once_for_each_instance() {
        let memory = "(memory 1)";
        assert_eq!(
            refusal_of(Format::Component, &component(MAX_MEMORIES, memory)),
            None
        );
        let reason = refusal_of(Format::Component, &component(MAX_MEMORIES + 1, memory)).unwrap();
        assert!(reason.starts_with("has 9 memories"), "{reason}");
        let table = "(table 1 funcref)";
        let reason = refusal_of(Format::Component, &component(MAX_TABLES + 1, table)).unwrap();
        assert!(reason.starts_with("has 17 tables"), "{reason}");
        let module = format!("(module {})", memory.repeat(MAX_MEMORIES as usize + 1));
        assert!(refusal_of(Format::CoreModule, &module).is_some());
    }

    #[test]
    fn an_instance_that_is_too_large_is_refused() {
        let with = |globals: usize| {
            let globals = "(global (mut i64) (i64.const 0))".repeat(globals);
            refusal_of(Format::CoreModule, &format!("(module {globals})"))
        };
        assert_eq!(with(60_000), None);
        let reason = with(66_000).unwrap();
        assert!(reason.contains("an instance takes"), "{reason}");
    }

    #[test]
    fn what_is_invalid_is_left_to_who_compiles_it() {
        let bytes = wat::parse_str("(module (func i32.add drop))").unwrap();
        assert_eq!(refusal(Format::CoreModule, &bytes[..bytes.len() - 1]), None);
    }
}
