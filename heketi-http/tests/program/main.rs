//! The programs as a user starts them.

mod bad_input;
mod demo;
mod serve;
mod support;
