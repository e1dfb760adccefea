//! The server's configuration: the JSON file of heketi v10 and its environment variables.
//!
//! The environment wins over the file, the file over the defaults. Keys match in any case. Keys nobody
//! knows are ignored with a warning, because a misspelt key is otherwise silent; a value that cannot be
//! understood stops the start and is told with its key and what to write instead.

mod access;
mod env;
mod load;
mod reader;
mod show;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use env::Environment;
pub use load::Loaded;
pub use types::{
    AuthMode, BlockHosting, CommandConfig, Config, ExecutorKind, GlusterConfig, KubeConfig, LogFormat, LogLevel,
    Schedule, SshConfig, TlsConfig,
};

/// Why the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("Unable to open config file {path}: open {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The file is not JSON.
    #[error("Unable to parse configuration: {0}")]
    Parse(String),
    /// A value cannot be used.
    #[error("{key} is {value}: {remedy}")]
    Value {
        /// Path of the key, or name of the environment variable.
        key: String,
        /// The value, or what kind of value it is where the value may be secret.
        value: String,
        /// What to write instead.
        remedy: String,
    },
    /// Something mandatory is missing.
    #[error("{0}")]
    Missing(String),
}
