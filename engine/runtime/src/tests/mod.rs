//! The runtime as C sees it: modules in text form, compiled here, run through the C ABI.

mod commands;
mod components;
mod harness;
mod limits;
