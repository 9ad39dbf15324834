use super::*;
use crate::http::examples::{after, failing, hostile, mixed, passing, troubled, warning};
use crate::http::wire;
use crate::snapshot::Snapshot;

fn text(snapshot: &Snapshot, seconds: u64) -> String {
    render(&wire::report(snapshot, after(seconds), None), false)
}

#[test]
fn good() {
    insta::assert_snapshot!(text(&passing(), 95));
}

#[test]
fn forbidden() {
    insta::assert_snapshot!(text(&failing(), 95));
}

#[test]
fn outage() {
    insta::assert_snapshot!(text(&warning(), 95));
}

#[test]
fn several_are_counted_and_the_worst_comes_first() {
    let text = text(&mixed(), 95);
    assert!(text.starts_with("4 checks: 1 fail, 1 unknown, 1 warn, 1 pass\n\n✗ prod-eu"));
    assert!(text.contains("\n? test-jp  GET /api/v2/routing/queues  not examined yet\n"));
}

#[test]
fn what_changed_stands_side_by_side() {
    let text = text(&troubled(), 95);
    let (_, section) = text.split_once("  What changed").unwrap();
    let (section, _) = section.split_once("  Ruled out").unwrap();
    insta::assert_snapshot!(section);
}

#[test]
fn a_timeline() {
    let troubled = troubled();
    let all = wire::timelines(&troubled, after(95), None, None);
    insta::assert_snapshot!(timelines(&all, false));
    let none = passing();
    let none = wire::timelines(&none, after(95), None, Some(after(0).wall));
    assert_eq!(
        timelines(&none, false),
        "No episode of trouble is known since 2026-03-02 12:00:00 UTC.\n"
    );
}

#[test]
fn an_episode_is_told_as_long_as_it_matters() {
    let troubled = troubled();
    let day = 24 * 60 * 60;
    for (seconds, count) in [(95, 2), (day + 61, 1)] {
        let told = text(&troubled, seconds).matches("What changed").count();
        assert_eq!(told, count, "{seconds}");
    }
}

#[test]
fn lines_are_short_unless_a_request_or_a_command_is_long() {
    let text = text(&mixed(), 95) + &text(&troubled(), 95);
    for line in text.lines() {
        let long = line.chars().count() > 88;
        let is_copied = line.contains("https://") || line.starts_with("    gc ");
        assert!(!long || is_copied, "{line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn commands_can_be_copied_as_they_stand() {
    let text = text(&failing(), 95);
    let command = "    gc authorization subjects divisions roles create \
                   6f4cd1ab-92a5-4d3c-8a52-0c6d9b5f3b11 3f1c0f9e-6f60-4f7e-8e0b-1f3f4f0c2d10 <roleId> \
                   --subjectType PC_OAUTH_CLIENT\n";
    assert!(text.contains(command), "{text}");
    assert!(text.contains("\n  With Terraform\n"), "{text}");
}

#[test]
fn a_stale_result_is_called_stale() {
    let text = text(&failing(), 60 + 101);
    assert!(text.starts_with("! prod-eu"), "{text}");
    assert!(text.contains("Stale: the last probe ended 1 min ago"));
}

#[test]
fn nothing_from_outside_reaches_the_terminal() {
    let text = text(&hostile(), 95);
    let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(control), "{text:?}");
}

#[test]
fn colours_are_added_and_change_nothing_else() {
    let failing = failing();
    let report = wire::report(&failing, after(95), None);
    let coloured = render(&report, true);
    assert!(coloured.starts_with("\x1b[1;31m✗\x1b[0m"));
    let mut bare = coloured;
    for code in [
        "\x1b[1;31m",
        "\x1b[1;33m",
        "\x1b[1;32m",
        "\x1b[1m",
        "\x1b[2m",
        "\x1b[0m",
    ] {
        bare = bare.replace(code, "");
    }
    // Colour codes keep the spaces inside them from being trimmed; nothing else differs.
    let trimmed: Vec<_> = bare.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n"), render(&report, false).trim_end());
}
