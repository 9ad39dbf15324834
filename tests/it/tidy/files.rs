//! The files of the repository, and the rules that hold for any text.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Finding, assert_clean, lines};

/// Directories that hold nothing of ours, wherever they are.
const FOREIGN: &[&str] = &[".git", "node_modules"];

/// Directories of what fuzzers made: no text of ours, even where it is one.
const FUZZED: &[&str] = &[
    "fuzz/corpus",
    "fuzz/grown",
    "fuzz/artifacts",
    "fuzz/coverage",
];

/// What marks a directory as made by machines; cargo puts it into its own.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Longest file of source code.
const MOST_LINES: usize = 500;

/// A text file, its path relative to the repository.
pub(super) struct Text {
    pub(super) path: String,
    pub(super) content: String,
}

impl Text {
    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        let own = Path::new(&self.path).extension().and_then(|it| it.to_str());
        own.is_some_and(|own| extensions.contains(&own))
    }
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The file at `path`, if it exists.
pub(super) fn optional(path: &str) -> Option<Text> {
    let content = fs::read_to_string(root().join(path)).ok()?;
    Some(Text {
        path: path.to_owned(),
        content,
    })
}

/// All text files below `directory`, in order.
pub(super) fn below(directory: &str) -> Vec<Text> {
    let mut found = Vec::new();
    walk(&root().join(directory), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(directory: &Path, found: &mut Vec<Text>) {
    let is_fuzzed = FUZZED.iter().any(|made| directory == root().join(made));
    if is_fuzzed || directory.join(CACHE_TAG).exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        let name = entry.file_name();
        if kind.is_dir() && !FOREIGN.iter().any(|foreign| name == *foreign) {
            walk(&path, found);
        } else if kind.is_file() && name != ".git" {
            // What is no UTF-8 is no text.
            if let Ok(content) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).unwrap();
                let path = path.to_str().unwrap().to_owned();
                found.push(Text { path, content });
            }
        }
    }
}

/// Directories of the machine that somebody happened to work on.
fn machine_paths() -> [String; 4] {
    // Put together here, so that this file does not break its own rule.
    ["work", "root", "home", "Users"].map(|top| format!("/{top}/"))
}

fn text_rules(text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    let paths = machine_paths();
    let tabs_mean_something = text.path.ends_with("Makefile") || text.path.ends_with("justfile");
    for (line, content) in (1..).zip(text.content.split('\n')) {
        let mut broken = |rule: &str| findings.push(Finding::new(&text.path, line, rule));
        if content.contains('\r') {
            broken("lines end in a newline alone");
        }
        if content.contains('\t') && !tabs_mean_something {
            broken("no tabs");
        }
        if content.ends_with(' ') {
            broken("no spaces at the end of a line");
        }
        let begins = |path: &String| {
            content
                .match_indices(path.as_str())
                .any(|(at, _)| begins_a_path(&content[..at]))
        };
        if paths.iter().any(begins) {
            broken("no path of one machine");
        }
    }
    let last = text.content.lines().count();
    if !text.content.is_empty() && !text.content.ends_with('\n') {
        findings.push(Finding::new(&text.path, last, "a file ends in a newline"));
    }
    // Licences stand here word for word.
    if text.content.ends_with("\n\n") && !text.path.starts_with("LICENSE") {
        let rule = "a file ends in one newline";
        findings.push(Finding::new(&text.path, last, rule));
    }
    findings
}

/// Whether a slash after `before` begins an absolute path, rather than going on in a URL or in a
/// relative one.
fn begins_a_path(before: &str) -> bool {
    !before.ends_with(|last: char| last.is_alphanumeric() || "._-~}".contains(last))
}

fn too_long(text: &Text) -> Option<Finding> {
    let count = text.content.lines().count();
    (count > MOST_LINES).then(|| {
        let rule = format!("{count} lines; more than {MOST_LINES} ask to be split by subject");
        Finding::new(&text.path, MOST_LINES + 1, rule)
    })
}

/// Attributes that switch a test off without saying what it needs.
fn ignored_without_reason(text: &Text) -> Vec<Finding> {
    let bare = format!("#[ignore{}", ']');
    let empty = format!("#[ignore = \"{}", "\"]");
    let places = (1..).zip(text.content.lines());
    places
        .filter(|(_, line)| line.contains(&bare) || line.contains(&empty))
        .map(|(line, _)| Finding::new(&text.path, line, "an ignored test says what it needs"))
        .collect()
}

#[test]
fn text_is_plain_and_names_no_machine() {
    let findings: Vec<Finding> = below("").iter().flat_map(text_rules).collect();
    assert_clean(&findings);
}

#[test]
fn no_file_of_code_is_too_long() {
    let mut files = below("src");
    files.extend(below("tests"));
    files.extend(below("benches"));
    files.extend(below("fuzz"));
    files.retain(|file| file.has_extension(&["rs"]));
    assert!(files.len() > 50, "the source code was not found");
    let findings: Vec<Finding> = files.iter().filter_map(too_long).collect();
    assert_clean(&findings);
}

#[test]
fn ignored_tests_say_what_they_need() {
    let mut files = below("src");
    files.extend(below("tests"));
    files.retain(|file| file.has_extension(&["rs"]));
    let findings: Vec<Finding> = files.iter().flat_map(ignored_without_reason).collect();
    assert_clean(&findings);
}

fn text(path: &str, content: &str) -> Text {
    Text {
        path: path.to_owned(),
        content: content.to_owned(),
    }
}

#[test]
fn the_rules_for_text_can_fail() {
    let [work, _, home, _] = machine_paths();
    let bad = format!("good\n\ttab\nspace \nsee {home}me\r\n\"{work}x\"\nhttp://h{work} .{work}");
    let findings = text_rules(&text("x.md", &bad));
    assert_eq!(lines(&findings), [2, 3, 4, 4, 5, 6]);
    assert_eq!(
        findings[2].to_string(),
        "x.md:4: lines end in a newline alone"
    );
    assert_eq!(lines(&text_rules(&text("x", "a\n\n"))), [2]);
    assert_eq!(text_rules(&text("justfile", "a:\n\tb\n")), []);
    assert_eq!(text_rules(&text("empty", "")), []);
}

#[test]
fn the_rules_for_code_files_can_fail() {
    assert_eq!(too_long(&text("a.rs", &"\n".repeat(MOST_LINES))), None);
    let long = too_long(&text("a.rs", &"\n".repeat(MOST_LINES + 1))).unwrap();
    assert_eq!(long.line, 501);
    let bare = format!(
        "#[test]\n#[ignore{}\nfn f() {{}}\n#[ignore = \"slow\"]\n",
        ']'
    );
    assert_eq!(lines(&ignored_without_reason(&text("a.rs", &bare))), [2]);
}
