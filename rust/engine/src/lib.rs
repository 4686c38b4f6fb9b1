//! JSON text to a JSON Schema verdict, model output to tool calls, damaged JSON to what it meant.
//! Knows no Python, opens no file and no connection.
//!
//! The seam is small on purpose: [`Schema::compile`], [`Schema::accepts`], [`Schema::check`];
//! [`repair::repair`]; [`parsing::Parser`] with [`parsing::Machine`]; [`coerce::coerce`].

mod blame;
pub mod coerce;
mod documents;
mod names;
pub mod parsing;
mod reach;
pub mod repair;
mod schema;
mod stack;
mod text;
pub mod work;

pub use blame::Violation;
pub use jsonschema::Draft;
pub use schema::{CompileError, Schema};
