//! Which permissions and divisions a refusal names.
//!
//! Known forms, all read by one scan:
//! * `… missing the following permission(s): [a:b:c]` (every one is needed),
//! * `… at least one of the following permissions assigned: [a:b:c, d:e:f]` (one is enough),
//! * either of them without brackets, or with the context id in parentheses behind,
//! * `… assigned: [] in at least one of the following division(s): [<id>]`,
//! * `[a:b:c:<id>]`, the division as a fourth segment.

use crate::target::Mode;

/// Most permissions or divisions that are read from one message.
const MOST: usize = 50;

/// What a message names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) mode: Option<Mode>,
    pub(super) permissions: Vec<String>,
    pub(super) divisions: Vec<String>,
    /// Whether the message is about divisions, even when it names none.
    pub(super) about_divisions: bool,
}

/// Reads a message and its code; both may be empty.
pub(super) fn named(code: &str, message: &str) -> Named {
    let lower = message.to_ascii_lowercase();
    let mut named = Named {
        mode: mode(code, &lower),
        // Permissions can have the word in their own name.
        about_divisions: code.contains("division")
            || words(&lower).any(|word| word.starts_with("division") && !word.contains(':')),
        ..Named::default()
    };
    for word in words(message) {
        if let Some((permission, division)) = permission(word) {
            push_new(&mut named.permissions, permission);
            if let Some(division) = division {
                push_new(&mut named.divisions, division.to_owned());
            }
        }
    }
    for division in divisions_after(message, &lower) {
        push_new(&mut named.divisions, division.to_owned());
    }
    named.about_divisions |= !named.divisions.is_empty();
    named
}

/// ANY or ALL: the code says it, else the words do.
fn mode(code: &str, lower: &str) -> Option<Mode> {
    match code {
        "missing.any.permissions" => Some(Mode::Any),
        "missing.permissions" => Some(Mode::All),
        _ if lower.contains("one of the following permission")
            || lower.contains("any of the following permission") =>
        {
            Some(Mode::Any)
        }
        _ if lower.contains("the following permission") => Some(Mode::All),
        _ => None,
    }
}

/// Pieces that could be a permission or an id: everything else separates.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '*')))
        .map(|word| word.trim_matches(':'))
        .filter(|word| !word.is_empty())
}

/// `domain:entity:action`, or with a division's id as a fourth segment.
fn permission(word: &str) -> Option<(String, Option<&str>)> {
    let mut segments = word.split(':');
    let (domain, entity, action) = (segments.next()?, segments.next()?, segments.next()?);
    let division = segments.next();
    let well_formed = is_name(domain)
        && (is_name(entity) || entity == "*")
        && (is_name(action) || action == "*")
        && division.is_none_or(is_guid)
        && segments.next().is_none();
    well_formed.then(|| (format!("{domain}:{entity}:{action}"), division))
}

/// The domain of a permission: what stands before its first colon.
pub(super) fn domain(permission: &str) -> &str {
    permission.split(':').next().unwrap_or_default()
}

fn is_name(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_alphabetic()) && !segment.contains('*')
}

/// The ids that follow the word "division".
fn divisions_after<'a>(message: &'a str, lower: &str) -> impl Iterator<Item = &'a str> {
    // Lower-casing ASCII keeps byte offsets, so an offset of one text is one of the other.
    let rest = lower
        .find("division")
        .and_then(|at| message.get(at..))
        .unwrap_or_default();
    // A context id stands in parentheses behind: it is an id, but not a division's.
    let rest = rest.split(" (").next().unwrap_or_default();
    words(rest).filter(|word| is_guid(word))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_guid(word: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut groups = word.split('-');
    let fits = |length: usize| {
        groups.next().is_some_and(|group| {
            group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    lengths.into_iter().all(fits) && groups.next().is_none()
}

fn push_new(list: &mut Vec<String>, item: String) {
    if list.len() < MOST && !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GUID: &str = "0b5d3a4e-1f2a-4c3b-9d8e-7f6a5b4c3d2e";
    const OTHER: &str = "11111111-2222-3333-4444-555555555555";

    fn check(
        code: &str,
        message: &str,
        mode: Option<Mode>,
        permissions: &[&str],
        divisions: &[&str],
    ) {
        let named = named(code, message);
        assert_eq!(named.mode, mode, "{message}");
        assert_eq!(named.permissions, permissions, "{message}");
        assert_eq!(named.divisions, divisions, "{message}");
    }

    #[test]
    fn all_and_any_lists_are_kept_apart() {
        let all =
            "Unable to perform the requested action. You are missing the following permission(s): ";
        let any = "Unable to perform the requested action. You must have at least one of the following permissions assigned: ";
        check(
            "missing.permissions",
            &format!("{all}[a:b:c]"),
            Some(Mode::All),
            &["a:b:c"],
            &[],
        );
        check(
            "missing.any.permissions",
            &format!("{any}[a:b:c, d:e:f]"),
            Some(Mode::Any),
            &["a:b:c", "d:e:f"],
            &[],
        );
        check(
            "",
            &format!("{all}[a:b:c,d:e:*]"),
            Some(Mode::All),
            &["a:b:c", "d:e:*"],
            &[],
        );
        check(
            "",
            &format!("{any}a:b:c, d:e:f"),
            Some(Mode::Any),
            &["a:b:c", "d:e:f"],
            &[],
        );
        check(
            "",
            &format!("{any}[a:b:c] ({GUID})"),
            Some(Mode::Any),
            &["a:b:c"],
            &[],
        );
        check(
            "missing.any.permissions",
            &format!("{all}[a:b:c]"),
            Some(Mode::Any),
            &["a:b:c"],
            &[],
        );
        check("missing.permissions", "", Some(Mode::All), &[], &[]);
    }

    #[test]
    fn each_way_to_say_any_is_known() {
        for (words, mode) in [
            ("one of the following permissions", Some(Mode::Any)),
            ("any of the following permissions", Some(Mode::Any)),
            ("the following permissions", Some(Mode::All)),
            ("permissions", None),
        ] {
            check("", &format!("{words}: [a:b:c]"), mode, &["a:b:c"], &[]);
        }
    }

    #[test]
    fn a_long_list_is_cut_and_what_is_there_twice_is_read_once() {
        let list = |count: usize| {
            let all: Vec<String> = (0..count).map(|one| format!("a:b:c{}", one / 2)).collect();
            named("", &all.join(", ")).permissions.len()
        };
        assert_eq!((list(10), list(100), list(200)), (5, MOST, MOST));
    }

    #[test]
    fn a_guid_has_its_lengths_and_hexadecimal_digits_only() {
        assert!(is_guid(GUID));
        for other in [
            "0b5d3a4g-1f2a-4c3b-9d8e-7f6a5b4c3d2e",
            "0b5d3a4-1f2a-4c3b-9d8e-7f6a5b4c3d2e",
            "0b5d3a4e-1f2a-4c3b-9d8e-7f6a5b4c3d2e-1",
            "0b5d3a4e-1f2a-4c3b-9d8e",
        ] {
            assert!(!is_guid(other), "{other}");
        }
    }

    #[test]
    fn both_division_forms_are_read() {
        let form_a = format!(
            "You must have at least one of the following permissions assigned: [] in at least one of the following division(s): [{GUID}, {OTHER}] ({GUID})"
        );
        check(
            "missing.division.permission",
            &form_a,
            Some(Mode::Any),
            &[],
            &[GUID, OTHER],
        );
        let form_b =
            format!("You are missing the following permission(s): [routing:queue:view:{GUID}]");
        check(
            "missing.permissions",
            &form_b,
            Some(Mode::All),
            &["routing:queue:view"],
            &[GUID],
        );
        let unbracketed = format!("missing routing:queue:view in division {GUID}.");
        check("", &unbracketed, None, &["routing:queue:view"], &[GUID]);
    }

    #[test]
    fn what_only_looks_like_a_permission_is_none() {
        for text in [
            "at 12:30:45",
            "https://x:443/a:b",
            "a:b",
            "a::c",
            "::a:b:c:d:e",
            "1a:b:c",
            "a:b:c:d",
        ] {
            check("", text, None, &[], &[]);
        }
    }

    #[test]
    fn the_context_id_is_no_division() {
        let text = format!(
            "You are missing the following permission(s): [a:b:c] in your division ({GUID})"
        );
        assert!(named("", &text).divisions.is_empty());
        assert!(named("", &text).about_divisions);
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(code: String, message: String) {
            named(&code, &message);
        }

        #[test]
        fn a_named_permission_is_always_found(
            permission in "[a-z][a-zA-Z]{0,9}:[a-z][a-zA-Z]{0,9}:[a-z][a-zA-Z]{0,9}",
            before in "[^a-zA-Z0-9:*_-]{0,5}",
            after in "[^a-zA-Z0-9:*_-]{0,5}",
        ) {
            let found = named("", &format!("{before}{permission}{after}"));
            prop_assert_eq!(found.permissions, vec![permission]);
        }
    }
}
