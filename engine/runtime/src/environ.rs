//! The environment of a p1 command, kept as the one block of bytes that its `environ_get` copies out.
//!
//! The engine's own implementation keeps two strings for each variable and clones them all at each of the two calls. A
//! command has some twenty variables, made for every request, and often looks at none of them.

use crate::state::State;
use wasmtime::{Caller, Extern, Linker, Memory, Result, bail};

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const FAULT: i32 = 21;
const OVERFLOW: i32 = 61;

#[derive(Default)]
pub struct Environ {
    /// NAME=value, each with a NUL after it.
    block: Vec<u8>,
    /// Where in `block` each begins.
    starts: Vec<u32>,
}

impl Environ {
    /// Bytes that are not UTF-8 become replacement characters; a variable with a NUL in it is left out.
    pub fn new<'a>(
        variables: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Environ {
        let size = variables
            .clone()
            .map(|(name, value)| name.len() + value.len() + 2);
        let mut environ = Environ {
            block: Vec::with_capacity(size.sum()),
            starts: Vec::with_capacity(variables.len()),
        };
        for (name, value) in variables {
            environ.push(name, value);
        }
        environ
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        // Where it would not fit a guest's memory, it would not be asked for either.
        let Ok(start) = u32::try_from(self.block.len()) else {
            return;
        };
        if name.contains(&0) || value.contains(&0) {
            return;
        }
        self.starts.push(start);
        self.block
            .extend_from_slice(String::from_utf8_lossy(name).as_bytes());
        self.block.push(b'=');
        self.block
            .extend_from_slice(String::from_utf8_lossy(value).as_bytes());
        self.block.push(0);
    }
}

/// Replaces the engine's functions that tell the environment.
pub fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.func_wrap(MODULE, "environ_sizes_get", sizes_get)?;
    linker.func_wrap(MODULE, "environ_get", get)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn sizes_get(mut caller: Caller<'_, State>, count_at: u32, size_at: u32) -> Result<i32> {
    let memory = memory_of(&mut caller)?;
    let (data, state) = memory.data_and_store_mut(&mut caller);
    let environ = &state.environ;
    let (Ok(count), Ok(size)) = (
        u32::try_from(environ.starts.len()),
        u32::try_from(environ.block.len()),
    ) else {
        return Ok(OVERFLOW);
    };
    let written = write(data, count_at, &count.to_le_bytes())
        .and_then(|()| write(data, size_at, &size.to_le_bytes()));
    Ok(written.map_or(FAULT, |()| SUCCESS))
}

fn get(mut caller: Caller<'_, State>, pointers_at: u32, block_at: u32) -> Result<i32> {
    let memory = memory_of(&mut caller)?;
    let (data, state) = memory.data_and_store_mut(&mut caller);
    let environ = &state.environ;
    let mut pointer_at = pointers_at;
    for start in &environ.starts {
        let Some(pointer) = block_at.checked_add(*start) else {
            return Ok(FAULT);
        };
        if write(data, pointer_at, &pointer.to_le_bytes()).is_none() {
            return Ok(FAULT);
        }
        // The one after the last may lie beyond the memory.
        pointer_at = pointer_at.wrapping_add(4);
    }
    Ok(write(data, block_at, &environ.block).map_or(FAULT, |()| SUCCESS))
}

fn memory_of(caller: &mut Caller<'_, State>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => bail!("the module exports no memory that its environment could be written to"),
    }
}

/// None where the bytes do not lie in the guest's memory.
fn write(data: &mut [u8], at: u32, bytes: &[u8]) -> Option<()> {
    let start = usize::try_from(at).ok()?;
    data.get_mut(start..start.checked_add(bytes.len())?)?
        .copy_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environ(variables: &[(&[u8], &[u8])]) -> Environ {
        Environ::new(variables.iter().copied())
    }

    #[test]
    fn lies_there_as_the_guest_reads_it() {
        let environ = environ(&[(b"A", b"1"), (b"LONG", b""), (b"C", b"x=y")]);
        assert_eq!(environ.block, b"A=1\0LONG=\0C=x=y\0");
        assert_eq!(environ.starts, [0, 4, 10]);
    }

    #[test]
    fn what_is_no_text_is_replaced_and_what_would_end_a_variable_early_is_left_out() {
        let environ = environ(&[(b"A", b"\xff"), (b"B", b"x\0C=1"), (b"D", b"2")]);
        assert_eq!(environ.block, "A=\u{fffd}\0D=2\0".as_bytes());
        assert_eq!(environ.starts, [0, 6]);
    }

    #[test]
    fn nothing_is_written_beyond_the_memory() {
        let mut data = [0; 4];
        assert!(write(&mut data, 2, &[1, 2]).is_some());
        assert!(write(&mut data, 3, &[3, 4]).is_none());
        assert!(write(&mut data, u32::MAX, &[5]).is_none());
        assert_eq!(data, [0, 0, 1, 2]);
    }
}
