//! Secrets of venues: those of the configuration, which no log tells.

pub use crate::config::{Secret, SecretError};
