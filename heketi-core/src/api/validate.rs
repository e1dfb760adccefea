use std::collections::BTreeMap;
use std::fmt;

use crate::model::Tags;

/// A request whose fields can be checked one by one.
pub trait Validate {
    /// Are all fields acceptable, each for itself?
    ///
    /// # Errors
    /// [`ValidationError`] with every field that is not.
    fn validate(&self) -> Result<(), ValidationError>;
}

/// The fields of a request that are wrong, by JSON name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    problems: BTreeMap<&'static str, Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Text(String),
    Inner(ValidationError),
}

impl ValidationError {
    fn list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, problem)) in self.problems.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            match problem {
                Problem::Text(text) => write!(f, "{separator}{name}: {text}")?,
                Problem::Inner(inner) => {
                    write!(f, "{separator}{name}: (")?;
                    inner.list(f)?;
                    f.write_str(")")?;
                }
            }
        }
        f.write_str(".")
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("validation failed: ")?;
        self.list(f)
    }
}

impl std::error::Error for ValidationError {}

/// Gathers the problems of one object.
#[derive(Default)]
pub(crate) struct Problems(BTreeMap<&'static str, Problem>);

impl Problems {
    /// Notes the problem of a field, if it has one.
    pub(crate) fn field(mut self, name: &'static str, problem: Option<String>) -> Self {
        self.0.extend(problem.map(|text| (name, Problem::Text(text))));
        self
    }

    /// Notes the problems of a nested object, if it has any.
    pub(crate) fn nested(mut self, name: &'static str, inner: Result<(), ValidationError>) -> Self {
        self.0.extend(inner.err().map(|error| (name, Problem::Inner(error))));
        self
    }

    pub(crate) fn result(self) -> Result<(), ValidationError> {
        if self.0.is_empty() { Ok(()) } else { Err(ValidationError { problems: self.0 }) }
    }
}

pub(crate) fn blank() -> Option<String> {
    Some("cannot be blank".to_owned())
}

/// A number that must be given and positive.
pub(crate) fn positive(number: i64) -> Option<String> {
    match number {
        0 => blank(),
        ..0 => Some("must be no less than 1".to_owned()),
        _ => None,
    }
}

/// A number that may be missing, but not negative.
pub(crate) fn not_negative(number: i64) -> Option<String> {
    (number < 0).then(|| "must be no less than 1".to_owned())
}

/// Whether pending heals are looked for before bricks are moved.
pub(crate) fn heal_check(text: &str) -> Option<String> {
    let known = ["", "enable", "disable"].contains(&text);
    (!known).then(|| format!("{text} is not valid heal info check"))
}

/// Ids of one request.
pub(crate) fn ids(ids: &[String]) -> Option<String> {
    const MAX_IDS: usize = 32;
    if ids.len() > MAX_IDS {
        return Some(format!("too many ids specified ({}), up to {MAX_IDS} supported", ids.len()));
    }
    ids.iter().find(|id| !is_uuid(id)).map(|id| format!("{id} is not a valid UUID"))
}

/// A text that must be given and have the form of an id.
pub(crate) fn uuid(text: &str) -> Option<String> {
    match text {
        "" => blank(),
        _ if is_uuid(text) => None,
        _ => Some(format!("{text} is not a valid UUID")),
    }
}

/// 32 hexadecimal digits of either case: what v10's clients may send where an id is meant.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A name that may be empty and otherwise has letters, digits, `_` and `-` only.
pub(crate) fn object_name(text: &str) -> Option<String> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (!good).then(|| "must be in a valid format".to_owned())
}

/// The path of a device: absolute, of harmless characters, so that it is safe in a command line.
pub(crate) fn device_path(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b);
    match text.strip_prefix('/') {
        None if text.is_empty() => blank(),
        Some(rest) if !rest.is_empty() && rest.bytes().all(good) => None,
        _ => Some("must be in a valid format".to_owned()),
    }
}

/// A list of at least one host; `kind` is `manage` or `storage`.
pub(crate) fn host_names(names: &[String], kind: &str) -> Option<String> {
    if names.is_empty() {
        return blank();
    }
    let good = names.iter().all(|name| is_host(name));
    (!good).then(|| format!("[{}] is not a valid {kind} hostname", names.join(" ")))
}

/// An IP address or a DNS name: labels of 1 to 63 letters, digits, `_` and `-`, the first character not `-`,
/// joined by dots, one final dot or underscore allowed, at most 255 characters without the dots.
pub(crate) fn is_host(text: &str) -> bool {
    let labels = |text: &str| {
        text.split('.').all(|label| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            (1..=63).contains(&label.len()) && !label.starts_with('-') && label.bytes().all(good)
        })
    };
    let short_enough = text.bytes().filter(|b| *b != b'.').count() <= 255;
    let dns = || labels(text) || text.strip_suffix(['.', '_']).is_some_and(labels);
    text.parse::<std::net::IpAddr>().is_ok() || (short_enough && dns())
}

/// The tags of one request.
pub(crate) fn tags(tags: &Tags) -> Option<String> {
    const MAX_TAGS: usize = 32;
    if tags.len() > MAX_TAGS {
        return Some(format!("too many tags specified ({}), up to {MAX_TAGS} supported", tags.len()));
    }
    tags.iter().find_map(|(name, value)| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if name.is_empty() {
            Some("tag names may not be empty".to_owned())
        } else if name.chars().count() > 32 {
            Some(format!("tag name {name}: the length must be between 1 and 32"))
        } else if value.chars().count() > 64 {
            Some(format!("value of tag {name}: the length must be no more than 64"))
        } else if !name.bytes().all(good) {
            Some(format!("invalid characters in tag name {name}"))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_dns_names() {
        let label63 = "a".repeat(63);
        for good in
            ["192.0.2.11", "2001:db8::1", "gfs-a.example", "_x", "a.", "a_", "A-1.b", &label63, &format!("{label63}_")]
        {
            assert!(is_host(good), "{good}");
        }
        for bad in
            ["", "-a", "a..b", "a b", "a.-b", ".", "ä", "a$(x)", &"a".repeat(64), &[label63.as_str(); 5].join(".")]
        {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn device_paths_are_harmless() {
        for (path, problem) in [
            ("/dev/sdb", None),
            ("/dev/disk/by-id/x:1.2_3-4", None),
            ("", Some("cannot be blank")),
            ("dev/sdb", Some("must be in a valid format")),
            ("/", Some("must be in a valid format")),
            ("/dev/sd b", Some("must be in a valid format")),
            ("/dev/$(x)", Some("must be in a valid format")),
            ("/dev/sdb\n", Some("must be in a valid format")),
        ] {
            assert_eq!(device_path(path).as_deref(), problem, "{path}");
        }
    }

    #[test]
    fn tags_have_limits() {
        let problem = |name: &str, value: &str| tags(&Tags::from([(name.to_owned(), value.to_owned())]));
        let (name32, name33) = ("n".repeat(32), "n".repeat(33));
        assert_eq!(problem(&name32, &"ü".repeat(64)), None);
        assert_eq!(problem("", "").as_deref(), Some("tag names may not be empty"));
        assert_eq!(problem(&name33, ""), Some(format!("tag name {name33}: the length must be between 1 and 32")));
        assert_eq!(
            problem("a", &"v".repeat(65)).as_deref(),
            Some("value of tag a: the length must be no more than 64")
        );
        assert_eq!(problem("a b", "").as_deref(), Some("invalid characters in tag name a b"));
        let many = (0..33).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(tags(&many).as_deref(), Some("too many tags specified (33), up to 32 supported"));
    }
}
