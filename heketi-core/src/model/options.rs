//! The gluster volume options heketi itself reads.

use super::{Durability, Tags};
use crate::units::Kib;

/// Must the bricks of a set stand in different zones?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ZoneChecking {
    /// Preferred, not required.
    #[default]
    None,
    /// Required.
    Strict,
}

impl ZoneChecking {
    /// The strategy a configuration or option text names; an unknown word means [`ZoneChecking::None`],
    /// as in heketi v10.
    pub fn from_text(text: &str) -> Self {
        if text == "strict" { Self::Strict } else { Self::None }
    }
}

/// An option whose value cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The rule of `user.heketi.device-tag-match` is not `<name>=<value>` or `<name>!=<value>`.
    #[error("Invalid tag matching rule: Invalid tag match rule: {0}")]
    TagRule(String),
    /// gluster knows arbiter bricks with three replicas only.
    #[error("Option user.heketi.arbiter needs durability replicate 3, it cannot be used with {0}")]
    Arbiter(Durability),
}

/// One rule a device's effective tags must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRule {
    /// Tag name.
    pub name: String,
    /// True for `=`, false for `!=`.
    pub equal: bool,
    /// Value compared with; a missing tag counts as the empty text.
    pub value: String,
}

impl TagRule {
    /// Reads `<name>=<value>` or `<name>!=<value>`; the last operator that leaves a good name and value splits.
    ///
    /// Names and values take the characters of heketi v10's rule: letters, digits and ``./:;<=>?@[\]^_``.
    ///
    /// # Errors
    /// [`OptionError::TagRule`] when the text has no operator, an empty side or another character.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let allowed = |c: char| c.is_ascii_lowercase() || ('.'..='_').contains(&c);
        let good = |part: &str| !part.is_empty() && part.chars().all(allowed);
        let split = |(operator, _)| {
            let (left, value) = (text.get(..operator)?, text.get(operator + 1..)?);
            let (name, equal) = left.strip_suffix('!').map_or((left, true), |name| (name, false));
            let rule = || Self { name: name.to_owned(), equal, value: value.to_owned() };
            (good(name) && good(value)).then(rule)
        };
        text.rmatch_indices('=').find_map(split).ok_or_else(|| OptionError::TagRule(text.to_owned()))
    }

    /// Do these tags meet the rule?
    pub fn matches(&self, tags: &Tags) -> bool {
        (tags.get(&self.name).map_or("", String::as_str) == self.value) == self.equal
    }

    /// Does a device with these tags on a node with those meet the rule? The device's tag wins.
    pub fn matches_device(&self, node: &Tags, device: &Tags) -> bool {
        let value = device.get(&self.name).or_else(|| node.get(&self.name)).map_or("", String::as_str);
        (value == self.value) == self.equal
    }
}

impl std::fmt::Display for TagRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.name, if self.equal { "=" } else { "!=" }, self.value)
    }
}

/// The `key value` options of a volume, read with heketi v10's rules: split at the first space, the last
/// occurrence of a key wins, an option that begins with a space has an empty key.
#[derive(Clone, Copy, Debug)]
pub struct VolumeOptions<'a>(pub &'a [String]);

impl<'a> VolumeOptions<'a> {
    /// The value of `key`, or `None`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find_map(|option| {
            let (name, value) = option.split_once(' ').unwrap_or((option, ""));
            (name == key).then_some(value)
        })
    }

    /// `user.heketi.average-file-size` in KiB; the server's default where it is 0 or cannot be read.
    pub fn average_file_size(&self, default: Kib) -> Kib {
        let text = self.get("user.heketi.average-file-size").unwrap_or("");
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let size = digits.and_then(|text| text.parse().ok());
        size.filter(|size| *size != 0).map_or(default, Kib)
    }

    /// `user.heketi.zone-checking`, else the server's default.
    pub fn zone_checking(&self, default: ZoneChecking) -> ZoneChecking {
        match self.get("user.heketi.zone-checking") {
            Some(text) if !text.is_empty() => ZoneChecking::from_text(text),
            _ => default,
        }
    }

    /// `user.heketi.device-tag-match`.
    ///
    /// # Errors
    /// [`OptionError::TagRule`] when the rule cannot be read.
    pub fn tag_rule(&self) -> Result<Option<TagRule>, OptionError> {
        self.get("user.heketi.device-tag-match").map(TagRule::parse).transpose()
    }

    /// `user.heketi.arbiter`: the last brick of each set holds names and attributes only. It means yes with one
    /// of `1 t T true TRUE True`.
    pub fn arbiter(&self) -> bool {
        self.get("user.heketi.arbiter").is_some_and(|text| ["1", "t", "T", "true", "TRUE", "True"].contains(&text))
    }

    /// Do these options give the sets of a volume of this durability an arbiter brick? gluster knows arbiters
    /// with replica 3 only; heketi v10 may have left the option on others.
    pub fn arbiter_for(&self, durability: Durability) -> bool {
        self.arbiter() && durability == Durability::Replicate { replica: 3 }
    }

    /// Do arbiter bricks, if these options ask for them, go with the durability?
    ///
    /// # Errors
    /// [`OptionError::Arbiter`] for anything but three replicas.
    pub fn check_arbiter(&self, durability: Durability) -> Result<(), OptionError> {
        if self.arbiter() && !self.arbiter_for(durability) { Err(OptionError::Arbiter(durability)) } else { Ok(()) }
    }

    /// The average file size that arbiter bricks are sized by; none where sets have none.
    pub fn arbiter_files(&self, durability: Durability, default: Kib) -> Option<Kib> {
        self.arbiter_for(durability).then(|| self.average_file_size(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_rules_split_at_the_last_operator() {
        let rule = TagRule::parse("a=b!=c").unwrap();
        assert_eq!((rule.name.as_str(), rule.equal, rule.value.as_str()), ("a=b", false, "c"));
        assert_eq!(TagRule::parse("a==").map(|rule| rule.value), Ok("=".to_owned()));
        for bad in ["a-b!=x", "", "a", "=b", "a=", "!=x", "a b=c"] {
            assert_eq!(TagRule::parse(bad), Err(OptionError::TagRule(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_missing_tag_counts_as_empty() {
        let none = Tags::new();
        assert!(TagRule::parse("drive!=ssd").unwrap().matches_device(&none, &none));
        assert!(!TagRule::parse("drive=ssd").unwrap().matches_device(&none, &none));
        let ssd = Tags::from([("drive".to_owned(), "ssd".to_owned())]);
        let hdd = Tags::from([("drive".to_owned(), "hdd".to_owned())]);
        assert!(TagRule::parse("drive=hdd").unwrap().matches_device(&ssd, &hdd));
    }

    #[test]
    fn the_last_occurrence_of_an_option_wins() {
        let options =
            ["user.heketi.zone-checking none", "", " user.heketi.zone-checking x", "user.heketi.zone-checking strict"]
                .map(String::from);
        assert_eq!(VolumeOptions(&options).zone_checking(ZoneChecking::None), ZoneChecking::Strict);
        assert_eq!(VolumeOptions(&[]).zone_checking(ZoneChecking::Strict), ZoneChecking::Strict);
    }
}
