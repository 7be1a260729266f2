//! Module in, compiled module out.

use crate::failure::Failure;
use crate::footprint;
use crate::survey::{Format, Survey};
use crate::verdict::Verdict;
use wasmtime::{Engine, OptLevel};

/// An engine that compiles for the runtime's. It runs nothing.
pub fn engine() -> Result<Engine, wasmtime::Error> {
    let mut config = wasabi_settings::config()?;
    config.cranelift_opt_level(OptLevel::Speed);
    for feature in wasabi_settings::CPU_FEATURES {
        // SAFETY: an engine on a processor without the feature refuses to load the compiled module.
        unsafe { config.cranelift_flag_enable(feature) };
    }
    Engine::new(&config)
}

/// The same module always gives the same bytes.
pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let survey = Survey::of(bytes)?;
    let refusal = Verdict::on(&survey).refusal;
    if let Some(refusal) = refusal.or_else(|| footprint::refusal(survey.format, bytes)) {
        return Err(Failure::Refused(refusal));
    }
    let compiled = match survey.format {
        Format::CoreModule => engine.precompile_module(bytes),
        Format::Component => engine.precompile_component(bytes),
    };
    compiled.map_err(|e| Failure::Refused(format!("the module cannot be compiled: {e:#}")))
}
