//! The risk gate: one control a function.

mod limits;

pub use limits::RiskLimits;
