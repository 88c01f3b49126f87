//! The rules of the house, checked from outside: who may know whom, what must not be linked, and that the map
//! names only what exists.

mod graph;
mod house;
mod map;
mod tables;
