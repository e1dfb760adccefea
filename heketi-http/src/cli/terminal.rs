//! What is different at a terminal: colour, tables, a line that tells how far the server is. Where the output is no
//! terminal nothing of this happens, and it is byte for byte that of heketi v10.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::JobProgress;

/// What the places are that a command writes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Columns of the terminal the output goes to; `None` where it is none.
    pub width: Option<u16>,
    /// May it be coloured?
    pub color: bool,
    /// May errors be coloured?
    pub error_color: bool,
    /// Do errors go to a terminal? Then it also shows how far the server is.
    pub errors: bool,
}

impl Terminal {
    /// Those of this process. `NO_COLOR` and `TERM=dumb` are heeded.
    pub fn detect() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let width = io::stdout().is_terminal().then(|| Table::new().width().unwrap_or(80));
        let errors = io::stderr().is_terminal();
        Self { width, color: !plain && width.is_some(), error_color: !plain && errors, errors }
    }

    /// The same for what is written to the place of errors.
    pub(super) fn of_errors(self) -> Self {
        Self { color: self.error_color, ..self }
    }

    /// The text in a colour, where colours are shown.
    pub(super) fn paint(self, text: &str, color: AnsiColor) -> String {
        if !self.color {
            return text.to_owned();
        }
        let style: Style = color.on_default().bold();
        format!("{style}{text}{style:#}")
    }

    /// Rows under headings, within the width of the terminal. Words for states are coloured.
    pub(super) fn table(self, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let mut rows: Vec<Vec<String>> = rows.into_iter().collect();
        let mut headings = headings.to_vec();
        // Most servers have one cluster: telling it on each line tells nothing.
        let all_alike = |at: usize| rows.iter().all(|row| row.get(at) == rows.first().and_then(|row| row.get(at)));
        if let Some(last) = headings.len().checked_sub(1).filter(|at| headings[*at] == "CLUSTER" && all_alike(*at)) {
            headings.truncate(last);
            rows.iter_mut().for_each(|row| row.truncate(last));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.width.unwrap_or(u16::MAX));
        let heading = |text: &&str| match self.color {
            true => Cell::new(text).add_attribute(Attribute::Bold),
            false => Cell::new(text),
        };
        table.set_header(headings.iter().map(heading));
        table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|text| self.cell(text)).collect::<Vec<_>>()));
        // An id that is broken cannot be copied.
        if let Some(ids) = table.column_mut(0).filter(|_| headings.first() == Some(&"ID")) {
            ids.set_constraint(ColumnConstraint::ContentWidth);
        }
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        text
    }

    fn cell(self, text: String) -> Cell {
        let color = match text.trim_end() {
            "online" | "in-flight" => Color::Green,
            "offline" | "stale" => Color::Yellow,
            "removed" | "failed" => Color::Red,
            _ => return Cell::new(text),
        };
        if self.color { Cell::new(text).fg(color) } else { Cell::new(text) }
    }

    /// A bar that shows how full something is, such as `[######----]`.
    pub(super) fn fill_bar(self, used: u64, total: u64, columns: u64) -> String {
        let filled = (u128::from(used) * u128::from(columns)).div_ceil(u128::from(total.max(1))) as u64;
        let filled = filled.min(columns);
        let bar = "#".repeat(filled as usize) + &"-".repeat((columns - filled) as usize);
        let color = match used.saturating_mul(10) / total.max(1) {
            0..7 => AnsiColor::Green,
            7..9 => AnsiColor::Yellow,
            _ => AnsiColor::Red,
        };
        format!("[{}]", self.paint(&bar, color))
    }
}

/// The line at the bottom of a terminal that tells what the server does. It appears with the first word about a job,
/// and is gone before the command ends. Whole lines of output go above it; the beginning of a line is shown in it.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    beginning: String,
}

impl Line {
    /// Shows how far a job is.
    pub(super) fn tell(&self, job: &JobProgress) {
        let mut shown = self.shown();
        let Shown { bar, beginning } = &mut *shown;
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            // A template without a mistake: it has a test.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar.set_prefix(beginning.clone());
            bar.set_message(words(job));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(words(job));
    }

    /// Was a job followed?
    pub(super) fn is_shown(&self) -> bool {
        self.shown().bar.is_some()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn above(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match &self.shown().bar {
            Some(bar) => {
                // What it told belongs to the line that is over.
                bar.set_message("");
                bar.suspend(work)
            }
            None => work(),
        }
    }

    fn set_beginning(&self, text: &str) {
        let mut shown = self.shown();
        shown.beginning = text.replace('\t', "    ");
        if let Some(bar) = &shown.bar {
            bar.set_prefix(shown.beginning.clone());
        }
    }

    /// Takes the line away.
    fn clear(&self) {
        if let Some(bar) = self.shown().bar.take() {
            bar.finish_and_clear();
        }
    }
}

const TEMPLATE: &str = "{spinner} {prefix}{wide_msg} {elapsed}";

/// What a job does, in one line.
fn words(job: &JobProgress) -> String {
    let Some(operation) = &job.operation else { return "the server works".to_owned() };
    let kind = operation.info.type_name.replace('-', " ");
    match &operation.progress {
        Some(progress) => {
            let step = progress.running.first().map(|step| format!(": {step}")).unwrap_or_default();
            // Before the step, whose end may have no room.
            let count = match progress.total {
                0 | 1 => String::new(),
                total => format!(" [{}/{total}]", progress.done.saturating_add(1).min(total)),
            };
            format!("{kind}{count}{step}")
        }
        None => format!("{kind} waits for its turn"),
    }
}

/// Output above a [`Line`].
pub(super) struct Above<'a> {
    line: Line,
    out: &'a mut dyn Write,
    beginning: Vec<u8>,
}

impl<'a> Above<'a> {
    pub(super) fn new(line: Line, out: &'a mut dyn Write) -> Self {
        Self { line, out, beginning: Vec::new() }
    }

    /// Writes what has no end of line yet, and takes the line away.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.line.clear();
        self.out.write_all(&std::mem::take(&mut self.beginning))?;
        self.out.flush()
    }
}

impl Write for Above<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.beginning.extend_from_slice(bytes);
        if let Some(end) = self.beginning.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.beginning.split_off(end + 1);
            let whole = std::mem::replace(&mut self.beginning, rest);
            let out = &mut *self.out;
            self.line.above(|| {
                out.write_all(&whole)?;
                out.flush()
            })?;
        }
        self.line.set_beginning(&String::from_utf8_lossy(&self.beginning));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_tables() {
        let plain = Terminal { width: Some(40), ..Terminal::default() };
        assert_eq!(plain.fill_bar(0, 100, 10), "[----------]");
        assert_eq!(plain.fill_bar(1, 100, 10), "[#---------]");
        assert_eq!(plain.fill_bar(100, 100, 10), "[##########]");
        assert_eq!(plain.fill_bar(u64::MAX, 1, 4), "[####]");
        assert_eq!(plain.fill_bar(0, 0, 4), "[----]");
        let colored = Terminal { color: true, ..plain };
        assert!(colored.fill_bar(95, 100, 4).contains("\u{1b}["));
        let rows = || vec![vec!["a".to_owned(), "online".to_owned()], vec!["word ".repeat(12), "removed".to_owned()]];
        let table = plain.table(&["NAME", "STATE"], rows());
        assert!(table.lines().all(|line| line.len() <= 40) && table.lines().count() > 3, "{table}");
        assert!(!table.contains('\u{1b}'));
        assert!(colored.table(&["NAME", "STATE"], rows()).contains("\u{1b}["));
    }

    #[test]
    fn the_template_has_no_mistake() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn whole_lines_are_written_at_once_and_the_rest_at_the_end() {
        let mut out = Vec::new();
        let mut above = Above::new(Line::default(), &mut out);
        above.write_all(b"a\nb").unwrap();
        above.write_all(b"c").unwrap();
        assert_eq!(above.beginning, b"bc");
        above.write_all(b"\nd").unwrap();
        above.finish().unwrap();
        assert_eq!(out, b"a\nbc\nd");
    }
}
