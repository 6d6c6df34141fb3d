//! The real program with a hostile strategy beside a good one.
