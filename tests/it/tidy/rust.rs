//! As much of Rust as the rules need: tokens without comments and literals, the tree of modules,
//! and the paths that code names.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::root;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
    /// Text, of a string literal without its escapes read; other literals are marks or words.
    Literal(String),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    /// Whether it is compiled for tests only.
    pub(super) test: bool,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub(super) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens of a file of Rust.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
        found: Vec::new(),
    };
    while lexer.step() {}
    let mut found = lexer.found;
    mark_tests(&mut found);
    found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    /// Takes one token; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some((from, to, length)) = string(self.rest) {
            let text = self.rest[from..to].to_owned();
            self.push(Kind::Literal(text), length);
        } else if let Some(length) = character(self.rest) {
            self.skip(length);
        } else if self.rest.starts_with("::") {
            self.push(Kind::Separator, 2);
        } else if first.is_alphanumeric() || first == '_' {
            let inner = |c: char| !c.is_alphanumeric() && c != '_';
            let length = self.rest.find(inner).unwrap_or(self.rest.len());
            let word = self.rest[..length].to_owned();
            self.push(Kind::Word(word), length);
        } else {
            self.push(Kind::Mark(first), first.len_utf8());
        }
        true
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.found.push(Token {
            kind,
            line: self.line,
            test: false,
        });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

/// The length of the (nesting) comment at the start.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Begin and end of the content, and the length, of the string literal at the start.
fn string(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        body[hashes..].strip_prefix('"')?;
        let from = prefix.len() + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = text[from..].find(&end)?;
        return Some((from, from + length, from + length + end.len()));
    }
    let content = body.strip_prefix('"')?;
    let from = prefix.len() + 1;
    let mut characters = content.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '"' => return Some((from, from + at, from + at + 1)),
            _ => {}
        }
    }
    None
}

/// The length of the character literal, or of the lifetime, at the start.
fn character(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    if let Some(escaped) = content.strip_prefix('\\') {
        let after_first = escaped.chars().next()?.len_utf8();
        let end = escaped[after_first..].find('\'')?;
        return Some(2 + after_first + end + 1);
    }
    let first = content.chars().next()?;
    if content[first.len_utf8()..].starts_with('\'') {
        return Some(1 + first.len_utf8() + 1);
    }
    let inner = |c: char| !c.is_alphanumeric() && c != '_';
    Some(1 + content.find(inner).unwrap_or(content.len()))
}

/// Marks the items that stand behind `#[cfg(test)]`.
fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        if is_cfg_test(&tokens[at..]) {
            let end = end_of_item(tokens, at);
            for token in &mut tokens[at..end] {
                token.test = true;
            }
            at = end;
        } else {
            at += 1;
        }
    }
}

fn is_cfg_test(tokens: &[Token]) -> bool {
    let text: String = tokens.iter().take(7).map(spelt).collect();
    text == "#[cfg(test)]"
}

fn spelt(token: &Token) -> String {
    match &token.kind {
        Kind::Word(word) => word.clone(),
        Kind::Separator => "::".to_owned(),
        Kind::Mark(mark) => mark.to_string(),
        Kind::Literal(text) => format!("{text:?}"),
    }
}

/// Behind the item whose attributes begin at `at`.
fn end_of_item(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']') => depth = depth.saturating_sub(1),
            Kind::Mark('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + offset + 1;
                }
            }
            Kind::Mark(';' | ',') if depth == 0 => return at + offset + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A path that code names, groups taken apart: `use a::{b, c::d}` names `a::b` and `a::c::d`.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) test: bool,
    /// As it is written.
    pub(super) written: Vec<String>,
    /// From the root of the crate, for paths that begin with `crate`, `self` or `super`.
    pub(super) absolute: Option<Vec<String>>,
}

/// The paths in `tokens`, which stand in the module `home`.
pub(super) fn named(tokens: &[Token], home: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    // The inline modules around the current token, each with the depth of braces inside it.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].kind {
            Kind::Mark('{') => {
                depth += 1;
                if at >= 2
                    && tokens[at - 2].is_word("mod")
                    && let Kind::Word(name) = &tokens[at - 1].kind
                {
                    inline.push((name.clone(), depth));
                }
            }
            Kind::Mark('}') => {
                inline.pop_if(|(_, inside)| *inside == depth);
                depth = depth.saturating_sub(1);
            }
            Kind::Word(_) => {
                let mut paths = Vec::new();
                let end = path(tokens, at, &[], &mut paths);
                let module: Vec<String> = home
                    .iter()
                    .cloned()
                    .chain(inline.iter().map(|(name, _)| name.clone()))
                    .collect();
                for (line, written) in paths {
                    found.push(Named {
                        line,
                        test: tokens[at].test,
                        absolute: absolute(&written, &module),
                        written,
                    });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads the path that begins at `at` with a word; returns where it ends.
fn path(
    tokens: &[Token],
    at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = at;
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Word(word) => segments.push(word.clone()),
            Kind::Mark('*') => segments.push("*".to_owned()),
            Kind::Mark('{') if !segments.is_empty() => {
                return group(tokens, at + 1, &segments, found);
            }
            _ => break,
        }
        at += 1;
        if tokens.get(at).map(|token| &token.kind) != Some(&Kind::Separator) {
            break;
        }
        at += 1;
    }
    found.push((line, segments));
    at
}

/// Reads the members of a group up to its closing brace.
fn group(
    tokens: &[Token],
    at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut at = at;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Mark('}') => return at + 1,
            // The name behind `as` is no path.
            Kind::Word(word) if word == "as" => at += 2,
            Kind::Word(_) | Kind::Mark('*') => at = path(tokens, at, prefix, found),
            _ => at += 1,
        }
    }
    at
}

fn absolute(written: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match written.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    // `self` alone is a value, and `crate` alone a visibility.
    if written.len() < 2 {
        return None;
    }
    for segment in written {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            name => base.push(name.to_owned()),
        }
    }
    Some(base)
}

/// One file of the crate.
#[derive(Debug)]
pub(super) struct Module {
    /// Relative to the repository.
    pub(super) file: String,
    /// From the root of the crate, which is the empty path.
    pub(super) path: Vec<String>,
    pub(super) tokens: Vec<Token>,
}

impl Module {
    /// A module as if it were in a file.
    pub(super) fn new(file: &str, path: &[&str], source: &str) -> Self {
        Self {
            file: file.to_owned(),
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            tokens: tokens(source),
        }
    }

    /// The top module that it belongs to; empty for `lib.rs`.
    pub(super) fn top(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    pub(super) fn named(&self) -> Vec<Named> {
        named(&self.tokens, &self.path)
    }
}

/// Every module of the library, found as the compiler finds them.
pub(super) fn library() -> Vec<Module> {
    let mut found = Vec::new();
    load(
        Path::new("src/lib.rs"),
        Path::new("src"),
        &[],
        false,
        &mut found,
    );
    found
}

fn load(file: &Path, directory: &Path, path: &[String], test: bool, found: &mut Vec<Module>) {
    let source = fs::read_to_string(root().join(file)).unwrap();
    let mut tokens = tokens(&source);
    for token in &mut tokens {
        token.test |= test;
    }
    let children = children(&tokens);
    found.push(Module {
        file: file.to_str().unwrap().to_owned(),
        path: path.to_vec(),
        tokens,
    });
    for (name, test) in children {
        let below: PathBuf = directory.join(&name);
        let beside = directory.join(format!("{name}.rs"));
        let path: Vec<String> = path.iter().cloned().chain([name]).collect();
        let child = if root().join(&beside).exists() {
            beside
        } else {
            below.join("mod.rs")
        };
        load(&child, &below, &path, test, found);
    }
}

/// The modules in files of their own that are declared, and whether for tests only.
fn children(tokens: &[Token]) -> Vec<(String, bool)> {
    let declared = |window: &[Token]| match window {
        [keyword, name, end] if keyword.is_word("mod") && end.is_mark(';') => match &name.kind {
            Kind::Word(name) => Some((name.clone(), keyword.test)),
            _ => None,
        },
        _ => None,
    };
    tokens.windows(3).filter_map(declared).collect()
}

#[test]
fn comments_and_literals_are_no_code() {
    let source = r##"
        // tokio
        /* axum /* tracing */ reqwest */
        let a = "std::fs \" now("; let b = r#"sim " "#; let c = b"x"; let d = 'x'; let e = '\'';
        fn f<'tokio>(x: &'tokio str) -> char { '"' }
        last
    "##;
    let words: Vec<_> = tokens(source)
        .into_iter()
        .filter_map(|token| match token.kind {
            Kind::Word(word) => Some((word, token.line)),
            _ => None,
        })
        .collect();
    let plain: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
    let expected = "let a let b let c let d let e fn f x str char last";
    assert_eq!(plain.join(" "), expected);
    assert_eq!(words.last().unwrap().1, 6);
}

#[test]
fn what_is_for_tests_only_is_marked() {
    let source = "a; #[cfg(test)] mod tests { fn f() { b } } c; #[cfg(test)] use d::{e}; g \
        #[cfg(test)] pub(crate) fn h(i: j) -> k { l } m #[cfg(not(test))] n";
    let plain: Vec<String> = tokens(source)
        .iter()
        .filter(|token| !token.test && matches!(token.kind, Kind::Word(_)))
        .map(spelt)
        .collect();
    assert_eq!(plain, ["a", "c", "g", "m", "cfg", "not", "test", "n"]);
}

#[test]
fn paths_are_taken_apart_and_followed_to_the_root() {
    let source = "
        use crate::{clock::Moment, config::{self, Config as C}, sim};
        use super::super::health::{State, *};
        use self::word;
        mod inner { use super::super::probe; use super::x; }
        fn f(self) -> super::Y { std::fs::read(a::<b::C>()) }
        pub(crate) fn g() {}
    ";
    let home = ["http".to_owned(), "page".to_owned()];
    let all = named(&tokens(source), &home);
    let absolute: Vec<String> = all
        .iter()
        .filter_map(|named| Some(named.absolute.as_ref()?.join("::")))
        .collect();
    let expected = [
        "clock::Moment",
        "config",
        "config::Config",
        "sim",
        "health::State",
        "health::*",
        "http::page::word",
        "http::probe",
        "http::page::x",
        "http::Y",
    ];
    assert_eq!(absolute, expected);
    let written: Vec<String> = all.iter().map(|named| named.written.join("::")).collect();
    assert!(written.contains(&"std::fs::read".to_owned()), "{written:?}");
    assert!(written.contains(&"b::C".to_owned()), "{written:?}");
    assert!(!written.contains(&"C".to_owned()), "{written:?}");
}
