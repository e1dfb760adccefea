//! The crate decides and does nothing else: its dependencies and sources hold no I/O, clock, randomness or
//! asynchrony.

use std::path::{Path, PathBuf};

/// Data structures, data formats and errors. What is added here must be as free of I/O as these.
const ALLOWED: [&str; 6] = ["imbl", "memchr", "schemars", "serde", "serde_json", "thiserror"];

const FORBIDDEN: [&str; 14] = [
    "tokio",
    "async fn",
    "async move",
    ".await",
    "SystemTime",
    "Instant",
    "std::net",
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "rand::",
    "getrandom",
    "HashMap",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| sources(folder));
    files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).chain(inner).collect()
}

#[test]
fn dependencies_are_data_only() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    let mut seen = 0;
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            let dev = line.starts_with("[dev-dependencies");
            in_dependencies = line == "[dependencies]";
            assert!(in_dependencies || dev || !line.contains("dependencies"), "write {line} as [dependencies]");
        } else if in_dependencies {
            let name = line.split(['.', '=', ' ']).next().unwrap();
            assert!(ALLOWED.contains(&name), "{name} is not known to be free of I/O");
            seen += 1;
        }
    }
    assert!(seen > 0, "no dependency was found: has the manifest another form?");
}

#[test]
fn sources_touch_nothing_outside() {
    let sources = sources(&root().join("src"));
    assert!(sources.len() > 30, "only {} sources found", sources.len());
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in (1..).zip(code) {
            // An address is a format of text; no socket comes with it.
            let line = line.replace("std::net::IpAddr", "");
            for word in FORBIDDEN {
                assert!(!line.contains(word), "{} mentions {word} in code line {number}: {line}", path.display());
            }
        }
    }
}
