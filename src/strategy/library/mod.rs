//! The standard library of scripts: one registration of the maths, with what each function does and an example.

mod args;
mod betting;
mod reference;
mod statistics;

pub use reference::reference;

use super::names::Api;

/// Registers the standard library.
pub(super) fn register(api: &mut Api) {
    betting::register(api);
    statistics::register(api);
}
