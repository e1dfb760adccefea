//! The hooks of fault injection, in the form of heketi v10's `injectexec` object.

use std::path::PathBuf;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Why an `injectexec` object cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}; an injectexec object is {{\"command_injection\": {{\"commands\": [...], \"results\": [...]}}}}")]
pub struct InjectConfigError(String);

/// Which command lines get another outcome.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InjectConfig {
    /// Instead of a line: the first hook that matches the line is its outcome, and the node never sees it.
    pub commands: Vec<CommandHook>,
    /// After a line: the first hook that matches it and its outcome replaces the outcome.
    pub results: Vec<ResultHook>,
}

/// The whole object.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whole {
    command_injection: InjectConfig,
}

/// What happens instead of a line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandHook {
    /// Found anywhere in the line, which is the text without sudo, time-out and shell.
    #[serde(rename = "cmd")]
    pub command: Pattern,
    /// The hook counts only while this file exists where heketi runs.
    #[serde(rename = "condfile")]
    pub condition_file: PathBuf,
    /// What happens.
    pub reaction: Reaction,
}

/// What happens after a line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultHook {
    /// Found anywhere in what the line printed, or in why it failed.
    pub result: Pattern,
    /// Found anywhere in the line, which is the text without sudo, time-out and shell.
    #[serde(rename = "cmd")]
    pub command: Pattern,
    /// The hook counts only while this file exists where heketi runs.
    #[serde(rename = "condfile")]
    pub condition_file: PathBuf,
    /// What happens.
    pub reaction: Reaction,
}

/// An outcome to pretend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reaction {
    /// Seconds to wait first.
    pub pause: u64,
    /// If not empty, the process dies with this text.
    pub panic: String,
    /// Standard output.
    pub result: String,
    /// Why the line failed; makes the exit status 1 if that is 0.
    #[serde(rename = "err")]
    pub error: String,
    /// Fail without a text.
    #[serde(rename = "forceerr")]
    pub force_error: bool,
    /// The exit status.
    #[serde(rename = "exitstatus")]
    pub exit_status: i32,
    /// Standard error; `error` if it is empty.
    #[serde(rename = "erroutput")]
    pub error_output: String,
    /// Take `error_output` also if it is empty.
    #[serde(rename = "forceerroutput")]
    pub force_error_output: bool,
}

/// A regular expression as heketi v10 takes it: found anywhere; one that is none is never found.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Pattern {
    text: String,
    compiled: Option<Regex>,
}

impl Default for Pattern {
    /// Is found everywhere.
    fn default() -> Self {
        Self::from(String::new())
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        let compiled = Regex::new(&text).ok();
        Self { text, compiled }
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Pattern {
    /// Is it somewhere in `text`?
    pub fn is_in(&self, text: &str) -> bool {
        self.compiled.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    fn is_valid(&self) -> bool {
        self.compiled.is_some()
    }
}

impl InjectConfig {
    /// Reads an `injectexec` object. Names of fields match in any case, `null` stands for absent.
    ///
    /// # Errors
    /// [`InjectConfigError`] for an unknown field or a value of the wrong type: a hook that silently never
    /// fires would prove something false.
    pub fn from_value(value: &Value) -> Result<Self, InjectConfigError> {
        let whole = serde_json::from_value::<Option<Whole>>(plain(value));
        whole
            .map(|whole| whole.unwrap_or_default().command_injection)
            .map_err(|error| InjectConfigError(error.to_string()))
    }

    /// The patterns that are no regular expressions and thus never found.
    pub fn invalid_patterns(&self) -> Vec<&str> {
        let commands = self.commands.iter().map(|hook| &hook.command);
        let results = self.results.iter().flat_map(|hook| [&hook.command, &hook.result]);
        commands.chain(results).filter(|pattern| !pattern.is_valid()).map(|pattern| pattern.text.as_str()).collect()
    }
}

/// The value with all names in lower case and without what is `null`.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_ascii_lowercase(), plain(value)))
            .collect(),
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(plain).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_of_v10_is_read() {
        let config = InjectConfig::from_value(&json!({"command_injection": {
            "commands": [{"Cmd": "^umount.*", "CondFile": "", "Reaction": {
                "Result": "", "Err": "busy", "Pause": 2, "Panic": "", "ExitStatus": 0, "ErrOutput": "",
                "ForceErr": false, "ForceErrOutput": false}}],
            "results": [{"Result": ".*", "Cmd": ".*replace-brick.*", "CondFile": "/x", "Reaction": {"Err": "late"}}]
        }}))
        .unwrap();
        assert!(config.commands[0].command.is_in("umount /mnt"));
        assert!(!config.commands[0].command.is_in("sudo umount /mnt"));
        assert_eq!(config.commands[0].reaction.pause, 2);
        assert_eq!(config.results[0].reaction.error, "late");
        assert_eq!(config.results[0].condition_file, PathBuf::from("/x"));
    }

    #[test]
    fn null_is_absent_and_case_does_not_count() {
        for value in [
            json!(null),
            json!({}),
            json!({"CmdInjection": null}),
            json!({"command_injection": null}),
            json!({"COMMAND_INJECTION": {"Commands": null, "results": null}}),
            json!({"command_injection": {"commands": [null]}}),
        ] {
            let config = InjectConfig::from_value(&value).unwrap();
            assert!(config.commands.is_empty() && config.results.is_empty(), "{value}");
        }
        let config =
            InjectConfig::from_value(&json!({"command_injection": {"commands": [{"cmd": "x", "reaction": null}]}}));
        assert_eq!(config.unwrap().commands[0].reaction, Reaction::default());
    }

    #[test]
    fn what_would_never_fire_is_told() {
        let misspelt = json!({"command_injection": {"commands": [{"Command": "x"}]}});
        assert!(InjectConfig::from_value(&misspelt).unwrap_err().to_string().contains("command"));
        let wrong = json!({"command_injection": {"commands": [{"Cmd": "x", "Reaction": {"Pause": "2"}}]}});
        assert!(InjectConfig::from_value(&wrong).is_err());
        let config = InjectConfig::from_value(&json!({"command_injection": {"commands": [{"Cmd": "a("}]}})).unwrap();
        assert_eq!(config.invalid_patterns(), ["a("]);
        assert!(!config.commands[0].command.is_in("a("));
    }
}
