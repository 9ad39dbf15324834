//! The layer that comes from the configuration file.
//!
//! The file is parsed by `toml` itself, which knows lines, before the `config` crate layers it.

use std::ops::Range;
use std::path::Path;

use config::{Value, ValueKind};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::keys::{self, GENESYS, SECTIONS, TARGETS};
use super::layer::{Layer, Scope};
use super::nearest::nearest;
use super::problem::{Complaint, Place, Problems, join, quoted};
use super::secret::{ReadError, read_regular};

/// The largest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Most targets in one file.
pub(super) const MAX_TARGETS: usize = 10_000;

/// What a configuration file says.
#[derive(Debug)]
pub(super) struct FileLayer {
    pub(super) layer: Layer,
    /// The `[[targets]]`, in order.
    pub(super) targets: Vec<Scope>,
}

impl FileLayer {
    /// What no file says.
    pub(super) fn empty() -> Self {
        Self {
            layer: Layer::new(Place::file("", GENESYS)),
            targets: Vec::new(),
        }
    }
}

/// Reads the configuration file; `None` when it cannot be read or parsed, which is reported.
pub(super) fn load(path: &Path, problems: &mut Problems) -> Option<FileLayer> {
    let text = read_text(path, MAX_BYTES, problems)?;
    let mut reader = Reader {
        lines: Lines::new(&text),
        path,
        layer: Layer::new(Place::file(path, GENESYS)),
        targets: Vec::new(),
        problems,
    };
    let table = parse(&text, &reader.lines, path, reader.problems)?;
    reader.top(table.get_ref());
    Some(FileLayer {
        layer: reader.layer,
        targets: reader.targets,
    })
}

/// What the file holds, if it can be read.
pub(super) fn read_bytes(path: &Path) -> Option<Vec<u8>> {
    read_regular(path, MAX_BYTES).ok()
}

/// Reads a text file without its byte order mark.
pub(super) fn read_text(path: &Path, most: u64, problems: &mut Problems) -> Option<String> {
    let place = Place::file(path, "");
    let bytes = problems.check(
        &place,
        read_regular(path, most).map_err(|error| unreadable(&error, most)),
    )?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good);
        let line = 1 + line.filter(|byte| **byte == b'\n').count();
        Complaint::new(
            format!("is not UTF-8 text (line {line})"),
            "save it as UTF-8",
        )
    });
    let mut text = problems.check(&place, text)?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Some(text)
}

fn unreadable(error: &ReadError, most: u64) -> Complaint {
    match error {
        ReadError::Io(error) => Complaint::new(
            format!("cannot be read: {error}"),
            "check the path and its permissions",
        ),
        ReadError::NotRegular => Complaint::new("is not a regular file", "give the path of a file"),
        ReadError::TooLarge => Complaint::new(
            format!("is larger than {} MiB", most / (1024 * 1024)),
            "give the path of a configuration file",
        ),
    }
}

/// Parses TOML, reporting syntax errors with line and column but without the line's text, which
/// may hold a secret.
pub(super) fn parse<'t>(
    text: &'t str,
    lines: &Lines,
    path: &Path,
    problems: &mut Problems,
) -> Option<Spanned<DeTable<'t>>> {
    /// Beyond this size only the first error is looked for.
    const RECOVER_BYTES: usize = 64 * 1024;
    /// After so many, the rest follows from the first ones.
    const MOST: usize = 10;
    let first = match DeTable::parse(text) {
        Ok(table) => return Some(table),
        Err(error) => error,
    };
    let (table, errors) = if text.len() <= RECOVER_BYTES {
        let (table, errors) = DeTable::parse_recoverable(text);
        (Some(table), errors)
    } else {
        (None, vec![first])
    };
    for error in errors.iter().take(MOST) {
        let (line, column) = lines.find(text, error.span().map_or(0, |span| span.start));
        let place = Place::file(path, "").at(line);
        let what = format!("TOML syntax, column {column}: {}", error.message());
        let fix = if error.message().starts_with("duplicate key") {
            let table = table.as_ref().map(Spanned::get_ref);
            let first = error
                .span()
                .and_then(|second| first_of_duplicates(text, table?, second));
            first.map_or_else(
                || "keep one of them".to_owned(),
                |at| format!("keep this one or that in line {}", lines.line(at)),
            )
        } else {
            "correct the line, see https://toml.io".to_owned()
        };
        problems.error(&place, Complaint::new(what, fix));
    }
    None
}

/// Where the key stands that the one at `second` repeats: the last one of that name before it.
fn first_of_duplicates(text: &str, table: &DeTable<'_>, second: Range<usize>) -> Option<usize> {
    let name = text.get(second.clone())?.trim_matches(['"', '\'']);
    let within = |value: &DeValue<'_>| match value {
        DeValue::Table(table) => first_of_duplicates(text, table, second.clone()),
        DeValue::Array(list) => {
            let tables = list.iter().filter_map(|item| item.get_ref().as_table());
            tables
                .filter_map(|table| first_of_duplicates(text, table, second.clone()))
                .max()
        }
        _ => None,
    };
    table
        .iter()
        .filter_map(|(key, value)| {
            let at = key.span().start;
            let same = (key.get_ref() == name && at < second.start).then_some(at);
            same.max(within(value.get_ref()))
        })
        .max()
}

/// Finds the line of a byte.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1));
        Self {
            starts: starts.collect(),
        }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// Line and column (in characters), both counted from 1.
    fn find(&self, text: &str, at: usize) -> (usize, usize) {
        let line = self.line(at);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// Takes a parsed file apart by the table of keys.
struct Reader<'a> {
    lines: Lines,
    path: &'a Path,
    layer: Layer,
    targets: Vec<Scope>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        let names = || SECTIONS.iter().map(|(name, _)| *name);
        for (name, value) in table {
            let place = self.place(name.get_ref(), name.span().start);
            let Some(section) = names().find(|known| known == name.get_ref()) else {
                self.problems
                    .error_with(&place, || unknown_section(name.get_ref()));
                continue;
            };
            match value.get_ref() {
                DeValue::Array(list) if section == TARGETS => self.targets(list, &place),
                DeValue::Table(table) if section != TARGETS => {
                    self.section(section, table);
                }
                _ => {
                    let header = if section == TARGETS {
                        "[[targets]]"
                    } else {
                        &format!("[{section}]")
                    };
                    let complaint = Complaint::new("has the wrong form", format!("write {header}"));
                    self.problems.error(&place, complaint);
                }
            }
        }
    }

    fn section(&mut self, section: &'static str, table: &DeTable<'_>) {
        for entry in self.entries(section, section, table) {
            self.layer
                .set(entry.key, entry.place, entry.value, self.problems);
        }
    }

    fn targets(&mut self, list: &DeArray<'_>, place: &Place) {
        if list.len() > MAX_TARGETS {
            let what = format!("{} targets are more than {MAX_TARGETS}", list.len());
            let complaint = Complaint::new(what, "split them among several instances");
            return self.problems.error(place, complaint);
        }
        for (index, item) in list.iter().enumerate() {
            let path = format!("{TARGETS}[{index}]");
            let place = self.place(&path, item.span().start);
            let DeValue::Table(table) = item.get_ref() else {
                let complaint = Complaint::new("is no table", "write [[targets]]");
                self.problems.error(&place, complaint);
                continue;
            };
            let mut scope = Scope::new(place);
            for entry in self.entries(TARGETS, &path, table) {
                scope.set(entry.key, entry.place, entry.value, self.problems);
            }
            self.targets.push(scope);
        }
    }

    /// The known keys of a table and of the tables within it; unknown ones are reported.
    fn entries(&mut self, section: &str, path: &str, table: &DeTable<'_>) -> Vec<Entry> {
        let mut found = Vec::new();
        self.collect(section, path, "", table, &mut found);
        found
    }

    fn collect(
        &mut self,
        section: &str,
        path: &str,
        within: &str,
        table: &DeTable<'_>,
        found: &mut Vec<Entry>,
    ) {
        for (name, value) in table {
            let full = join(within, name.get_ref());
            let place = self.place(&join(path, &full), name.span().start);
            if let Some(key) = keys::find(section, &full) {
                if let Some(value) = self.convert(&place, value.get_ref()) {
                    found.push(Entry { key, place, value });
                }
                continue;
            }
            let inner = format!("{full}.");
            let is_table = keys::of(section).any(|key| key.name.starts_with(&inner));
            match value.get_ref() {
                DeValue::Table(table) if is_table => {
                    self.collect(section, path, &full, table, found);
                }
                _ if is_table => {
                    let fix = format!("write {full} = {{ … }}");
                    self.problems
                        .error(&place, Complaint::new("must be a table", fix));
                }
                _ => self
                    .problems
                    .error_with(&place, || unknown_key(section, &full)),
            }
        }
    }

    /// A TOML value as the `config` crate knows it.
    fn convert(&mut self, place: &Place, value: &DeValue<'_>) -> Option<ValueKind> {
        Some(match value {
            DeValue::String(text) => ValueKind::String(text.clone().into_owned()),
            DeValue::Boolean(flag) => ValueKind::Boolean(*flag),
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                let complaint = || Complaint::new("is too large a number", "write a smaller one");
                let read = read.map_err(|_| complaint());
                ValueKind::I64(self.problems.check(place, read)?)
            }
            DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(list) => {
                let mut values = Vec::with_capacity(list.len());
                for item in list {
                    values.push(Value::new(None, self.convert(place, item.get_ref())?));
                }
                ValueKind::Array(values)
            }
            DeValue::Table(_) => ValueKind::Table(config::Map::new()),
        })
    }

    fn place(&self, key: &str, at: usize) -> Place {
        Place::file(self.path, printable(key)).at(self.lines.line(at))
    }
}

/// One known key of a table.
struct Entry {
    key: &'static keys::Key,
    place: Place,
    value: ValueKind,
}

/// The path of a key as problems show it; keys in quotation marks can contain anything.
fn printable(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
    if key.len() <= 80 && key.chars().all(plain) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

fn unknown_section(name: &str) -> Complaint {
    let names = || SECTIONS.iter().map(|(name, _)| *name);
    let homes: Vec<String> = SECTIONS
        .iter()
        .filter(|(section, _)| keys::find(section, name).is_some())
        .map(|(section, _)| format!("[{section}]"))
        .collect();
    let fix = match nearest(name, names()) {
        _ if !homes.is_empty() => format!("it belongs into {}", homes.join(" or ")),
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let all: Vec<&str> = names().collect();
            format!("the tables are {}", all.join(", "))
        }
    };
    Complaint::new("is no table of the configuration", fix)
}

fn unknown_key(section: &str, name: &str) -> Complaint {
    let known = || keys::of(section).map(|key| key.name);
    let elsewhere = SECTIONS
        .iter()
        .find(|(other, _)| keys::find(other, name).is_some());
    let fix = match (nearest(name, known()), elsewhere) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, Some((home, _))) => format!("it belongs into [{home}]"),
        (None, None) => {
            let all: Vec<&str> = known().collect();
            format!("the keys here are {}", all.join(", "))
        }
    };
    Complaint::new("is no known key", fix)
}
