//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate with the fewest edits from `word`, if they are few for its length.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let most = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, one row at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (done, wanted) in from.chars().enumerate() {
        let mut diagonal = done;
        let mut left = done + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, known) in row.iter_mut().skip(1).zip(&to) {
            let kept = diagonal + usize::from(wanted != *known);
            diagonal = *cell;
            left = kept.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_edits() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("intervall", "interval", 1),
            ("ä", "a", 1),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["interval", "timeout", "fall"];
        assert_eq!(nearest("intervall", names), Some("interval"));
        assert_eq!(nearest("timout", names), Some("timeout"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn no_name_is_suggested_for_a_word_that_is_too_long() {
        let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
        let names = [longest.as_str()];
        assert_eq!(nearest(&longest, names), Some(longest.as_str()));
        assert_eq!(nearest(&too_long, names), None);
    }
}
