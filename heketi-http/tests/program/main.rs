//! The programs as a user starts them.

mod bad_input;
mod check_node;
mod container;
mod database;
mod demo;
mod local;
mod maintain;
mod offline;
mod operate;
mod repairs;
mod serve;
mod service;
mod support;
mod unfinished;
mod volumes;
