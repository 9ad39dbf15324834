//! Lines of text at a readable width, with colour where it is wanted.

/// Columns that a line may fill.
const WIDTH: usize = 88;

/// Column at which the values of a field begin.
const VALUE_COLUMN: usize = 12;

/// Columns between two values that stand side by side.
const GUTTER: usize = 2;

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Good,
    Doubt,
    Bad,
    Strong,
    Faint,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Doubt => "\x1b[1;33m",
            Self::Bad => "\x1b[1;31m",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
        }
    }
}

/// Text under construction.
#[derive(Debug)]
pub(super) struct Sheet {
    out: String,
    color: bool,
}

impl Sheet {
    pub(super) fn new(color: bool) -> Self {
        Self {
            out: String::new(),
            color,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// `text` with its colour, where colours are wanted.
    pub(super) fn ink(&self, ink: Ink, text: &str) -> String {
        if self.color {
            format!("{}{text}\x1b[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    /// One line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    /// A heading over a list.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        let text = self.ink(Ink::Strong, text);
        self.line(&format!("  {text}"));
    }

    /// A paragraph, every line indented.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        for line in wrap(text, WIDTH.saturating_sub(indent)) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// A labelled value; its further lines stand under the first.
    pub(super) fn field(&mut self, label: &str, value: &str) {
        self.hanging(&format!("  {label}"), value);
    }

    /// Two values side by side, each wrapped in its column.
    pub(super) fn columns(&mut self, label: &str, left: &str, right: &str) {
        let width = (WIDTH - VALUE_COLUMN - GUTTER) / 2;
        let (left, right) = (wrap(left, width), wrap(right, width));
        for number in 0..left.len().max(right.len()) {
            let cell = |cells: &[String]| cells.get(number).cloned().unwrap_or_default();
            let lead = if number == 0 { label } else { "" };
            let lead = format!("    {lead:lead_width$}", lead_width = VALUE_COLUMN - 4);
            let lead = self.ink(Ink::Faint, &lead);
            let (left, right) = (cell(&left), cell(&right));
            self.line(&format!("{lead}{left:width$}{:GUTTER$}{right}", ""));
        }
    }

    /// A value after `lead`, which stands left of the column of values.
    pub(super) fn hanging(&mut self, lead: &str, value: &str) {
        for (number, line) in wrap(value, WIDTH - VALUE_COLUMN).iter().enumerate() {
            let lead = if number == 0 { lead } else { "" };
            let lead = format!("{lead:VALUE_COLUMN$}");
            let lead = self.ink(Ink::Faint, &lead);
            self.line(&format!("{lead}{line}"));
        }
    }
}

/// `text` without anything that could move a cursor or turn the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let directs = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let printable = text.chars().map(|c| match c {
        _ if c.is_whitespace() => ' ',
        _ if c.is_control() || directs(c) => '\u{fffd}',
        _ => c,
    });
    printable.collect()
}

/// Breaks `text` between words; a word longer than the width stays whole, so that an URL can be
/// copied.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut columns = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
        if columns > 0 {
            line.push(' ');
            columns += 1;
        }
        line.push_str(word);
        columns += length;
    }
    if columns > 0 {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("a incomprehensibilities b", 5),
            ["a", "incomprehensibilities", "b"]
        );
        assert_eq!(wrap("", 5), Vec::<String>::new());
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(
            plain("a\u{1b}[2Jb\r\nc\u{202e}d"),
            "a\u{fffd}[2Jb  c\u{fffd}d"
        );
    }
}
