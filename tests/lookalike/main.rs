//! Real clients against `bea exchange`: what they are told is what happened, whatever goes wrong on the way.
//!
//! The Python clients are installed from PyPI into the target folder; where that cannot be reached their tests are
//! skipped, saying so.
#![cfg(unix)]

mod faults;
mod python;
#[allow(dead_code)] // others use more of it
mod server;
mod stream;
