//! Backends: their rows.
