//! Model output to text, thinking, tool calls and documents, whatever model wrote it.
//!
//! Seven grammars are engines; the formats of the models are rows of a [`table`]. One machine
//! reads whole texts and streams.

mod agent;
mod bare;
mod calls;
mod gemma;
mod head;
mod machine;
mod objects;
mod opening;
mod pairs;
mod pycalls;
mod python;
mod run;
mod scan;
mod table;
mod typing;

pub use calls::{Arguments, Call};
pub use machine::{Event, Machine, Output, Parser, Reading};
pub use table::{GRAMMARS, Grammar};
pub use typing::Tool;
