//! Options and operands of a command, the way getopt reads them.

/// The options and operands of one command.
#[derive(Debug, Default)]
pub(super) struct Args {
    options: Vec<(&'static str, String)>,
    /// What is not an option, in order.
    pub operands: Vec<String>,
}

/// An option a command knows: its names and whether it takes a value.
pub(super) struct Known {
    /// Names with their dashes; the first is the one the code asks for.
    pub names: &'static [&'static str],
    /// It takes a value.
    pub value: bool,
}

/// An option without value.
pub(super) const fn flag(names: &'static [&'static str]) -> Known {
    Known { names, value: false }
}

/// An option with a value.
pub(super) const fn valued(names: &'static [&'static str]) -> Known {
    Known { names, value: true }
}

impl Args {
    /// Reads `words` (without the command itself).
    ///
    /// # Errors
    /// An option that is not in `known`, a value that is missing, or one too many.
    pub fn parse(words: &[String], known: &[Known]) -> Result<Self, String> {
        let mut args = Self::default();
        let mut rest = words.iter();
        let mut only_operands = false;
        while let Some(word) = rest.next() {
            if only_operands || !word.starts_with('-') || word == "-" {
                args.operands.push(word.clone());
                continue;
            }
            if word == "--" {
                only_operands = true;
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value)),
                _ => (word.as_str(), None),
            };
            let option = known.iter().find(|k| k.names.contains(&name));
            let option = option.ok_or_else(|| format!("option {name} is not known"))?;
            let key = option.names.first().copied().unwrap_or_default();
            let value = match (option.value, attached) {
                (false, None) => String::new(),
                (false, Some(_)) => return Err(format!("option {name} takes no value")),
                (true, Some(value)) => value.to_owned(),
                (true, None) => rest.next().ok_or_else(|| format!("option {name} needs a value"))?.clone(),
            };
            args.options.push((key, value));
        }
        Ok(args)
    }

    /// The last value given for the option whose first name is `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// Was the option given?
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The operands, when there are exactly `N`.
    pub fn exactly<const N: usize>(self) -> Result<[String; N], String> {
        let count = self.operands.len();
        self.operands.try_into().map_err(|_| format!("{count} operands where {N} are expected"))
    }
}

/// An LVM size in KiB: a number with one of the suffixes k, m, g, t (binary, any case); without one, MiB.
pub(super) fn size_kib(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text} is not a size");
    let (number, factor) = match text.char_indices().last().ok_or_else(wrong)? {
        (_, '0'..='9') => (text, 1024),
        (at, unit) => {
            let factor = match unit.to_ascii_lowercase() {
                'k' => 1,
                'm' => 1024,
                'g' => 1024 * 1024,
                't' => 1024 * 1024 * 1024,
                _ => return Err(wrong()),
            };
            (text.get(..at).unwrap_or_default(), factor)
        }
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, kib) in [("128M", 131_072), ("256K", 256), ("4m", 4096), ("1g", 1_048_576), ("2", 2048)] {
            assert_eq!(size_kib(text), Ok(kib));
        }
        assert!(size_kib("").is_err() && size_kib("M").is_err() && size_kib("-1K").is_err());
    }

    #[test]
    fn options_and_operands() {
        let words: Vec<String> = ["-qq", "--size=5K", "vg", "-o", "x"].map(String::from).into();
        let known = [flag(&["-qq"]), valued(&["--size"]), valued(&["--options", "-o"])];
        let args = Args::parse(&words, &known).unwrap();
        assert!(args.has("-qq"));
        assert_eq!((args.get("--size"), args.get("--options")), (Some("5K"), Some("x")));
        assert_eq!(args.exactly::<1>().unwrap(), ["vg"]);
        assert!(Args::parse(&["--nope".into()], &known).is_err());
        assert!(Args::parse(&["--size".into()], &known).is_err());
    }
}
