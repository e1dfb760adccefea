//! Cuts the two output streams of a [`Script`](super::wrapper::Script) into the lines of its batch.
//!
//! It takes the streams in pieces as they come, in memory bounded by [`OUTPUT_LIMIT`] for each stream of
//! each line, and says at any time which lines ended: a stream that breaks off midway is as good as a whole
//! one up to its last mark.

use std::time::Duration;

use super::{BatchResult, LineResult, LineStatus, OUTPUT_LIMIT};

/// The byte a mark begins with: ASCII "record separator".
const MARK_BYTE: u8 = 0x1e;
/// More bytes than this after the number of the batch, without a line end, are no mark.
const MARK_LIMIT: usize = 120;
/// How much is kept of what the login shell prints before the script starts.
const NOISE_LIMIT: usize = 4 * 1024;

/// Collects both streams of one batch.
#[derive(Clone, Debug)]
pub struct Splitter {
    lines: usize,
    stdout: Stream,
    stderr: Stream,
}

/// What the streams of one batch said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The lines that ended: those whose mark came on both streams.
    pub result: BatchResult,
    /// Did the script start? If not, and the shell ended by itself, no line can have run.
    pub started: bool,
    /// What came on stdout after the last mark, or all of it when the script did not start.
    pub rest_of_stdout: String,
    /// What came on stderr after the last mark, or all of it when the script did not start.
    pub rest_of_stderr: String,
}

impl Splitter {
    /// A splitter for a batch of `lines` lines whose marks carry `nonce`.
    pub fn new(nonce: &str, lines: usize) -> Self {
        Self { lines, stdout: Stream::new(nonce, lines), stderr: Stream::new(nonce, lines) }
    }

    /// Takes the next piece of standard output.
    pub fn push_stdout(&mut self, bytes: &[u8]) {
        self.stdout.push(bytes);
    }

    /// Takes the next piece of standard error.
    pub fn push_stderr(&mut self, bytes: &[u8]) {
        self.stderr.push(bytes);
    }

    /// True when nothing more can come: every line ended, or one that ended failed.
    pub fn is_complete(&self) -> bool {
        self.stdout.is_complete(self.lines) && self.stderr.is_complete(self.lines)
    }

    /// What came, as far as it came.
    pub fn finish(self) -> Split {
        let started = self.stdout.started || self.stderr.started;
        let (stdout, rest_of_stdout) = self.stdout.finish();
        let (stderr, rest_of_stderr) = self.stderr.finish();
        let lines = stdout
            .into_iter()
            .zip(stderr)
            .map(|(out, err)| LineResult {
                status: LineStatus::from_exit(out.mark.status),
                stdout: out.text.into_text(),
                stderr: err.text.into_text(),
                duration: out.mark.duration,
            })
            .collect();
        Split { result: BatchResult { lines }, started, rest_of_stdout, rest_of_stderr }
    }
}

/// One stream: the lines that ended on it, and what came since.
#[derive(Clone, Debug)]
struct Stream {
    /// How each mark of this batch begins.
    token: Vec<u8>,
    lines: usize,
    started: bool,
    ended: Vec<Ended>,
    current: Kept,
    /// Bytes that may be the beginning of a mark.
    window: Vec<u8>,
}

/// One line on one stream.
#[derive(Clone, Debug)]
struct Ended {
    text: Kept,
    mark: LineMark,
}

#[derive(Clone, Copy, Debug)]
struct LineMark {
    index: usize,
    status: i32,
    duration: Duration,
}

enum Mark {
    Start,
    Line(LineMark),
}

/// Where the next mark is in some bytes.
enum Found {
    /// It is not in there.
    No,
    /// It may begin here and go on in the next piece.
    Perhaps(usize),
    /// It is here, so many bytes long.
    At(usize, usize),
}

impl Stream {
    fn new(nonce: &str, lines: usize) -> Self {
        let mut token = vec![MARK_BYTE];
        token.extend_from_slice(nonce.as_bytes());
        token.push(b' ');
        Self { token, lines, started: false, ended: Vec::new(), current: Kept::new(NOISE_LIMIT), window: Vec::new() }
    }

    fn is_complete(&self, lines: usize) -> bool {
        self.started && (self.ended.len() == lines || self.ended.last().is_some_and(|l| l.mark.status != 0))
    }

    fn push(&mut self, bytes: &[u8]) {
        let mut window = std::mem::take(&mut self.window);
        window.extend_from_slice(bytes);
        let mut rest = window.as_slice();
        loop {
            match self.find(rest) {
                Found::No => {
                    self.current.push(rest);
                    break;
                }
                Found::Perhaps(at) => {
                    let (output, open) = rest.split_at(at);
                    self.current.push(output);
                    self.window = open.to_vec();
                    break;
                }
                Found::At(at, length) => {
                    let (output, mark) = rest.split_at(at);
                    let (mark, after) = mark.split_at(length);
                    self.current.push(output);
                    self.mark(mark);
                    rest = after;
                }
            }
        }
    }

    fn find(&self, bytes: &[u8]) -> Found {
        let mut from = 0;
        while let Some(offset) = bytes[from..].iter().position(|byte| *byte == MARK_BYTE) {
            let at = from + offset;
            let candidate = &bytes[at..];
            if let Some(payload) = candidate.strip_prefix(self.token.as_slice()) {
                match payload.iter().take(MARK_LIMIT).position(|byte| *byte == b'\n') {
                    Some(end) => return Found::At(at, self.token.len() + end + 1),
                    None if payload.len() < MARK_LIMIT => return Found::Perhaps(at),
                    None => {}
                }
            } else if self.token.starts_with(candidate) {
                return Found::Perhaps(at);
            }
            from = at + 1;
        }
        Found::No
    }

    /// Takes a mark. One that does not fit here is output like any other.
    fn mark(&mut self, bytes: &[u8]) {
        match parse_mark(&bytes[self.token.len()..]) {
            Some(Mark::Start) if !self.started => {
                self.started = true;
                self.current = Kept::new(OUTPUT_LIMIT);
            }
            Some(Mark::Line(mark)) if self.started && mark.index == self.ended.len() && mark.index < self.lines => {
                let text = std::mem::replace(&mut self.current, Kept::new(OUTPUT_LIMIT));
                self.ended.push(Ended { text, mark });
            }
            _ => self.current.push(bytes),
        }
    }

    fn finish(mut self) -> (Vec<Ended>, String) {
        let window = std::mem::take(&mut self.window);
        self.current.push(&window);
        (self.ended, self.current.into_text())
    }
}

/// `S`, or `<index> <status> <start> <end>`, with a line end.
fn parse_mark(payload: &[u8]) -> Option<Mark> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let mark = if first == "S" {
        Mark::Start
    } else {
        let index = first.parse().ok()?;
        let status = words.next()?.parse().ok()?;
        let start = parse_clock(words.next()?)?;
        let end = parse_clock(words.next()?)?;
        Mark::Line(LineMark {
            index,
            status,
            // A node's clock may be set back meanwhile.
            duration: end.saturating_sub(start),
        })
    };
    words.next().is_none().then_some(mark)
}

/// Seconds with up to six decimals; some locales write a comma.
fn parse_clock(text: &str) -> Option<Duration> {
    let (seconds, micros) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    if micros.len() > 6 {
        return None;
    }
    let micros: u32 = format!("{micros:0<6}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, micros * 1000))
}

/// The first bytes of a stream, up to a limit.
#[derive(Clone, Debug)]
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, cut: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.limit - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// At most `limit` bytes of text, with a note at the end when something was cut off.
    fn into_text(self) -> String {
        let mut text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        if self.cut || text.len() > self.limit {
            let note = format!("\n[output cut off after {} bytes]\n", self.limit);
            let end = text.floor_char_boundary(self.limit.saturating_sub(note.len()));
            text.truncate(end);
            text.push_str(&note);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn mark(text: &str) -> Vec<u8> {
        format!("\x1e{NONCE} {text}\n").into_bytes()
    }

    fn stream(outputs: &[(&[u8], i32)]) -> Vec<u8> {
        let mut bytes = mark("S");
        for (index, (output, status)) in outputs.iter().enumerate() {
            bytes.extend_from_slice(output);
            bytes.extend(mark(&format!("{index} {status} 10.000001 12.500001")));
        }
        bytes
    }

    #[test]
    fn lines_come_back_with_status_and_duration() {
        let mut splitter = Splitter::new(NONCE, 3);
        splitter.push_stdout(&stream(&[(b"a\n", 0), (b"no line end", 7)]));
        assert!(!splitter.is_complete());
        splitter.push_stderr(&stream(&[(b"", 0), (b"why", 7)]));
        assert!(splitter.is_complete());
        let split = splitter.finish();
        assert!(split.started);
        assert_eq!(split.result.lines.len(), 2);
        assert_eq!(split.result.lines[1].stdout, "no line end");
        assert_eq!(split.result.lines[1].stderr, "why");
        assert_eq!(split.result.lines[1].status, LineStatus::Exited(7));
        assert_eq!(split.result.lines[1].duration, Duration::from_millis(2500));
    }

    #[test]
    fn what_a_login_shell_prints_first_is_not_output() {
        let mut splitter = Splitter::new(NONCE, 1);
        splitter.push_stdout(b"Welcome!\n");
        splitter.push_stdout(&stream(&[(b"out", 0)]));
        splitter.push_stderr(&stream(&[(b"", 0)]));
        let split = splitter.finish();
        assert_eq!(split.result.lines[0].stdout, "out");
        assert_eq!(split.rest_of_stdout, "");
    }

    #[test]
    fn a_shell_that_never_starts_the_script_is_told() {
        let mut splitter = Splitter::new(NONCE, 1);
        splitter.push_stdout(b"This account is currently not available.\n");
        let split = splitter.finish();
        assert!(!split.started);
        assert_eq!(split.rest_of_stdout, "This account is currently not available.\n");
    }

    #[test]
    fn a_foreign_or_unexpected_mark_is_output() {
        let mut forged = mark("S");
        forged.extend(b"\x1eother 0 0 1 1\n");
        forged.extend(mark("5 0 1 1"));
        forged.extend(mark("S"));
        forged.extend(mark("0 zero 1 1"));
        let output = forged[mark("S").len()..].to_vec();
        forged.extend(mark("0 0 3 2,5"));
        let mut splitter = Splitter::new(NONCE, 1);
        splitter.push_stdout(&forged);
        splitter.push_stderr(&stream(&[(b"", 0)]));
        let split = splitter.finish();
        assert_eq!(split.result.lines[0].stdout.as_bytes(), output);
        assert_eq!(split.result.lines[0].duration, Duration::ZERO, "clock set back");
    }

    #[test]
    fn a_flood_is_cut_off_and_says_so() {
        let mut splitter = Splitter::new(NONCE, 2);
        splitter.push_stdout(&mark("S"));
        let piece = vec![0xffu8; 1 << 20];
        for _ in 0..40 {
            splitter.push_stdout(&piece);
        }
        assert!(splitter.stdout.current.bytes.len() <= OUTPUT_LIMIT);
        splitter.push_stdout(&mark("0 0 1 2"));
        splitter.push_stdout(b"next");
        splitter.push_stdout(&mark("1 0 1 2"));
        splitter.push_stderr(&stream(&[(b"", 0), (b"", 0)]));
        assert!(splitter.is_complete());
        let lines = splitter.finish().result.lines;
        assert!(lines[0].stdout.len() <= OUTPUT_LIMIT);
        assert!(lines[0].stdout.ends_with("[output cut off after 16777216 bytes]\n"));
        assert_eq!(lines[1].stdout, "next");
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same(
            outputs in prop::collection::vec(prop::collection::vec(
                prop_oneof![any::<u8>(), Just(MARK_BYTE), Just(b'0'), Just(b'\n')], 0..60), 1..4),
            pieces in prop::collection::vec(1usize..50, 1..20),
        ) {
            let pairs: Vec<(&[u8], i32)> = outputs.iter().map(|o| (o.as_slice(), 0)).collect();
            let bytes = stream(&pairs);
            let mut splitter = Splitter::new(NONCE, outputs.len());
            let mut rest = bytes.as_slice();
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                splitter.push_stdout(now);
                splitter.push_stderr(now);
                rest = later;
                if rest.is_empty() { break; }
            }
            prop_assert!(splitter.is_complete());
            let split = splitter.finish();
            for (line, output) in split.result.lines.iter().zip(&outputs) {
                prop_assert_eq!(&line.stdout, &String::from_utf8_lossy(output));
                prop_assert_eq!(&line.stderr, &line.stdout);
            }
        }

        #[test]
        fn a_stream_that_breaks_off_gives_the_lines_before(
            outputs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let pairs: Vec<(&[u8], i32)> = outputs.iter().map(|o| (o.as_slice(), 0)).collect();
            let bytes = stream(&pairs);
            let cut = cut.index(bytes.len());
            let mut splitter = Splitter::new(NONCE, outputs.len());
            splitter.push_stdout(&bytes[..cut]);
            splitter.push_stderr(&bytes);
            prop_assert!(!splitter.is_complete());
            let split = splitter.finish();
            prop_assert!(split.result.lines.len() < outputs.len());
            for (line, output) in split.result.lines.iter().zip(&outputs) {
                prop_assert_eq!(&line.stdout, &String::from_utf8_lossy(output));
            }
        }

        #[test]
        fn any_bytes_at_all_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut splitter = Splitter::new(NONCE, 2);
            splitter.push_stdout(&bytes);
            splitter.push_stderr(&bytes);
            prop_assert!(!splitter.is_complete());
            prop_assert!(splitter.finish().result.lines.is_empty());
        }
    }
}
