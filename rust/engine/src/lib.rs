//! JSON text to a JSON Schema verdict, model output to tool calls, damaged JSON to what it meant.
//! Knows no Python, opens no file and no connection.
//!
//! The seam is small on purpose: [`Schema::compile`], [`Schema::accepts`], [`Schema::check`];
//! [`repair::repair`]; [`parsing::Parser`] with [`parsing::Machine`]; [`coerce::coerce`].

mod blame;
mod canonical;
pub mod coerce;
mod collect;
mod documents;
mod names;
pub mod parsing;
mod place;
mod plain;
mod program;
mod reach;
pub mod repair;
pub mod request;
mod run;
mod scan;
mod schema;
mod stack;
mod stream;
mod tell;
mod text;
pub mod work;

pub use blame::Violation;
pub use jsonschema::Draft;
pub use scan::{MAX_DEPTH, plain_length};
pub use schema::{CompileError, Report, Schema};
pub use stream::{Progress, Stream};
