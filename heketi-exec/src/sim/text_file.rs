//! A text file on a node, such as fstab. Appending and deleting the lines of one brick cost the same
//! however many lines there are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Lines of a text file by a number that grows. A clone shares them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "SavedText", into = "SavedText")]
pub(super) struct TextFile {
    lines: imbl::OrdMap<u64, Arc<str>>,
    next: u64,
    /// Lines that name a brick by the usual `brick_<32 hexadecimal digits>`.
    by_brick: imbl::OrdMap<Arc<str>, imbl::Vector<u64>>,
    /// A copy that `sed -i<suffix>` left.
    pub backup: bool,
}

/// A text file as it is saved.
#[derive(Serialize, Deserialize)]
struct SavedText {
    text: String,
    backup: bool,
}

impl From<SavedText> for TextFile {
    fn from(saved: SavedText) -> Self {
        Self { backup: saved.backup, ..Self::from_text(&saved.text) }
    }
}

impl From<TextFile> for SavedText {
    fn from(file: TextFile) -> Self {
        Self { text: file.text(), backup: file.backup }
    }
}

const BRICK_NAME: usize = "brick_".len() + 32;

impl TextFile {
    /// The file with this text.
    pub fn from_text(text: &str) -> Self {
        let mut file = Self::default();
        text.lines().for_each(|line| file.append(line));
        file
    }

    /// Adds a line at the end.
    pub fn append(&mut self, line: &str) {
        for brick in brick_names(line) {
            let lines = self.by_brick.entry(brick.into()).or_default();
            if lines.back() != Some(&self.next) {
                lines.push_back(self.next);
            }
        }
        self.lines.insert(self.next, line.into());
        self.next += 1;
    }

    /// Deletes the lines that match; tells how many.
    pub fn delete(&mut self, pattern: &Pattern) -> usize {
        let found =
            self.matching(is_brick_name(&pattern.text).then_some(pattern.text.as_str()), |line| pattern.matches(line));
        found.iter().for_each(|number| self.take(*number));
        found.len()
    }

    /// Is there this line?
    pub fn contains(&self, line: &str) -> bool {
        !self.matching(brick_names(line).next(), |other| other == line).is_empty()
    }

    /// Removes every line that is this one.
    pub fn remove(&mut self, line: &str) {
        let found = self.matching(brick_names(line).next(), |other| other == line);
        found.into_iter().for_each(|number| self.take(number));
    }

    /// The numbers of the lines that match, among those that name the brick where one is given.
    fn matching(&self, brick: Option<&str>, matches: impl Fn(&str) -> bool) -> Vec<u64> {
        match brick {
            Some(brick) => {
                let candidates = self.by_brick.get(brick).into_iter().flatten();
                candidates.filter(|n| self.lines.get(*n).is_some_and(|line| matches(line))).copied().collect()
            }
            None => self.lines.iter().filter(|(_, line)| matches(line)).map(|(number, _)| *number).collect(),
        }
    }

    fn take(&mut self, number: u64) {
        let line = self.lines.remove(&number).unwrap_or_default();
        for brick in brick_names(&line) {
            if let Some(numbers) = self.by_brick.get_mut(brick) {
                numbers.retain(|n| *n != number);
                if numbers.is_empty() {
                    self.by_brick.remove(brick);
                }
            }
        }
    }

    /// The lines in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.values().map(|line| &**line)
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.lines.len() * 160);
        for line in self.lines() {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

fn is_brick_name(text: &str) -> bool {
    text.len() == BRICK_NAME && text.starts_with("brick_") && text.bytes().skip(6).all(|b| b.is_ascii_hexdigit())
}

/// Every `brick_<32 hexadecimal digits>` in a line.
fn brick_names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("brick_").filter_map(|(at, _)| line.get(at..at + BRICK_NAME)).filter(|name| is_brick_name(name))
}

/// A `sed` address as far as heketi uses it: text, with `^` and `$` at its ends, and escaped characters.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    from_start: bool,
    to_end: bool,
}

impl Pattern {
    /// Reads the pattern.
    ///
    /// # Errors
    /// It holds more of a regular expression than this type knows.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let (from_start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
        let ends = rest.strip_suffix('$').filter(|body| !body.ends_with('\\'));
        let (to_end, body) = ends.map_or((false, rest), |body| (true, body));
        let mut text = String::new();
        let mut chars = body.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some(c @ ('/' | '.' | '*' | '[' | ']' | '^' | '$' | '\\' | '-')) => text.push(c),
                    _ => return Err(format!("pattern {pattern} escapes a character that needs none")),
                },
                '.' | '*' | '[' | ']' | '^' | '$' | '/' => {
                    return Err(format!("pattern {pattern} is more than plain text"));
                }
                c => text.push(c),
            }
        }
        if text.is_empty() {
            return Err("an empty pattern matches every line".into());
        }
        Ok(Self { text, from_start, to_end })
    }

    fn matches(&self, line: &str) -> bool {
        match (self.from_start, self.to_end) {
            (false, false) => line.contains(&self.text),
            (true, false) => line.starts_with(&self.text),
            (false, true) => line.ends_with(&self.text),
            (true, true) => line == self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_what_sed_would() {
        let id = "0123456789abcdef0123456789abcdef";
        let mut file = TextFile::from_text(&format!(
            "# brick_{id}\nUUID=1 / ext4\n/dev/vg-brick_{id} /m/brick_{id} xfs\nbrick_12\n"
        ));
        let saved = file.clone();
        assert_eq!(file.delete(&Pattern::parse(&format!("brick_{id}")).unwrap()), 2);
        assert_eq!(file.text(), "UUID=1 / ext4\nbrick_12\n");
        assert_eq!(saved.lines().count(), 4);
        assert_eq!(file.delete(&Pattern::parse("^brick_1").unwrap()), 1);
        assert_eq!(file.delete(&Pattern::parse(r"ext\.4$").unwrap()), 0);
        assert_eq!(file.delete(&Pattern::parse("ext4$").unwrap()), 1);
        assert_eq!(file.text(), "");
        assert!(Pattern::parse("a.*b").is_err() && Pattern::parse("").is_err());
    }
}
