//! JSON text to a JSON Schema verdict. Knows no Python, opens no file and no connection.
//!
//! The seam is small on purpose: [`Schema::compile`], [`Schema::accepts`], [`Schema::check`].

mod blame;
mod canonical;
mod collect;
mod documents;
mod names;
mod place;
mod plain;
mod program;
mod reach;
mod run;
mod scan;
mod schema;
mod stack;
mod stream;
mod tell;
mod text;

pub use blame::Violation;
pub use jsonschema::Draft;
pub use scan::{MAX_DEPTH, plain_length};
pub use schema::{CompileError, Report, Schema};
pub use stream::{Progress, Stream};
