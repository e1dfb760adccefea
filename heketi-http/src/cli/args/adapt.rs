//! What v10's parser does otherwise than clap.

use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::examples;

/// Makes a description parse as v10's parser does, with an example in the help of each command. `path` is the
/// words that lead to it.
pub(super) fn adapt(command: Command, path: &str) -> Command {
    let command = command.mut_args(argument);
    if !command.has_subcommands() {
        let takes_all = command.get_positionals().any(|it| it.get_num_args().is_some_and(|n| n.max_values() > 1));
        let command = match takes_all {
            true => command,
            false => command.arg(Arg::new("surplus").hide(true).action(ArgAction::Append).num_args(0..)),
        };
        return with_example(command, path);
    }
    let command = match command.is_subcommand_required_set() {
        true => command,
        false => with_example(command, path),
    };
    // No command and an unknown one are looked for after parsing: a group prints its help then.
    command.subcommand_required(false).arg_required_else_help(false).allow_external_subcommands(true).mut_subcommands(
        |inner| {
            let path = format!("{path} {}", inner.get_name());
            adapt(inner, path.trim_start())
        },
    )
}

fn with_example(command: Command, path: &str) -> Command {
    match examples::of(path) {
        Some("") => command.after_help(format!("Example:\n  heketi-cli {path}")),
        Some(arguments) => command.after_help(format!("Example:\n  heketi-cli {path} {arguments}")),
        None => command,
    }
}

fn argument(argument: Arg) -> Arg {
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        // --flag, --flag=true or --flag=false, never --flag true.
        let set = match argument.get_default_values().is_empty() {
            true => argument.default_value("false").hide_default_value(true),
            false => argument,
        };
        let set = set.action(ArgAction::Set).value_parser(go_bool).num_args(0..=1).require_equals(true);
        return set.default_missing_value("true").value_name("BOOL").hide_possible_values(true);
    }
    let parser = Number::of(&argument);
    let argument = match (argument.is_positional(), argument.is_required_set()) {
        // Not given means zero: each command says itself what it misses.
        (false, true) => {
            let zero = if parser.is_some() { "0" } else { "" };
            argument.required(false).default_value(zero).hide_default_value(true)
        }
        _ => argument,
    };
    match parser {
        Some(Number::Whole) => argument.allow_negative_numbers(true).value_parser(ValueParser::new(go_int)),
        Some(Number::Fraction) => argument.allow_negative_numbers(true).value_parser(ValueParser::new(go_float)),
        None => argument,
    }
}

enum Number {
    Whole,
    Fraction,
}

impl Number {
    fn of(argument: &Arg) -> Option<Self> {
        let kind = argument.get_value_parser().type_id();
        if kind == clap::builder::ValueParser::new(go_int).type_id() {
            Some(Self::Whole)
        } else if kind == clap::builder::ValueParser::new(go_float).type_id() {
            Some(Self::Fraction)
        } else {
            None
        }
    }
}

/// A boolean in one of Go's spellings.
pub(in crate::cli) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(syntax("ParseBool", text)),
    }
}

/// A whole number in one of Go's spellings: 0x, 0o and 0b or a plain 0 before it say its base.
fn go_int(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", text.get(1..).unwrap_or_default()),
        Some(b'+') => ("", text.get(1..).unwrap_or_default()),
        _ => ("", text),
    };
    let lower = digits.to_ascii_lowercase();
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = bases.iter().find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base)));
    let (digits, base) = match based {
        Some(based) => based,
        None if lower.len() > 1 && lower.starts_with('0') => (lower.as_str(), 8),
        None => (lower.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(syntax("ParseInt", text));
    }
    i64::from_str_radix(&format!("{sign}{digits}"), base)
        .map_err(|_| format!("strconv.ParseInt: parsing \"{text}\": value out of range"))
}

fn go_float(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| syntax("ParseFloat", text))
}

fn syntax(function: &str, text: &str) -> String {
    format!("strconv.{function}: parsing \"{text}\": invalid syntax")
}

/// A time such as `90`, `90s`, `5m`, `1h30m` or `250ms`; a plain number is in seconds.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time such as 90s, 5m or 1h30m".to_owned();
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).map_or(after, |end| after.split_at(end).0);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            "h" => number.checked_mul(3600).map(Duration::from_secs),
            _ => None,
        };
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = after.strip_prefix(unit).unwrap_or_default();
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, value) in [("10", 10), ("-3", -3), ("+4", 4), ("0x1F", 31), ("010", 8), ("0b11", 3), ("0", 0)] {
            assert_eq!(go_int(text), Ok(value), "{text}");
        }
        for text in ["", "x", "1.5", "08", "0x", "--1", "1 "] {
            assert_eq!(go_int(text), Err(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")));
        }
        let large = "99999999999999999999";
        assert_eq!(go_int(large), Err(format!("strconv.ParseInt: parsing \"{large}\": value out of range")));
        assert_eq!(go_int("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(go_float("1.5"), Ok(1.5));
        assert!(go_float("much").is_err());
    }

    #[test]
    fn times() {
        for (text, millis) in [("90", 90_000), ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "5d", "m5", "-1s", "99999999999999999999h", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
