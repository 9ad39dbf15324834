use super::*;
use crate::http::examples::{
    after, check, failing, forbidden, good, hostile, mixed, snapshot, target, troubled,
};

const ALL: View<'_> = View {
    target: None,
    number: 1,
    refreshes: true,
};

fn fleet(size: usize) -> Snapshot {
    let names = (0..size).map(|n| format!("target-{n:05}"));
    let targets = names.map(|name| {
        let bad = name.ends_with("77");
        let diagnosis = if bad { forbidden(&name) } else { good(&name) };
        target(&name, check(Some(diagnosis), 1))
    });
    snapshot(targets.collect())
}

#[test]
fn the_policy_lets_through_the_style_sheet_and_nothing_else() {
    let html = render(&failing(), after(90), &ALL).unwrap();
    let (_, rest) = html.split_once("<style>").unwrap();
    let (css, rest) = rest.split_once("</style>").unwrap();
    assert!(!rest.contains("<style") && !html.contains("style="));
    assert!(!html.contains("<script") && !html.contains("onclick"));
    let hash = STANDARD.encode(Sha256::digest(css));
    let policy = POLICY.clone().unwrap();
    let policy = policy.to_str().unwrap();
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(policy.starts_with("default-src 'none'; "));
}

#[test]
fn whatever_comes_from_outside_is_escaped() {
    let html = render(&hostile(), after(90), &ALL).unwrap();
    assert!(!html.contains("<script") && !html.contains("onclick"));
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
}

#[test]
fn what_changed_stands_side_by_side() {
    let html = render(&troubled(), after(90), &ALL).unwrap();
    for part in [
        "<summary>What changed</summary>",
        "<th scope=\"col\">Last good</th><th scope=\"col\">First bad</th>",
        "<td>Home, Sales</td><td>Home</td>",
        "The role Queue Reader in the division Sales is no longer granted",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let html = render(&failing(), after(90), &ALL).unwrap();
    assert!(!html.contains("<summary>What changed"));
}

#[test]
fn the_page_says_what_matters_in_words() {
    let html = render(&mixed(), after(90), &ALL).unwrap();
    for part in [
        "<title>✗ Access fails on 1 of 4 checks · why403</title>",
        "No role of the caller carries the permission",
        "403 missing_permission",
        "routing:queue:view",
        "Not examined yet",
        "<meta http-equiv=\"refresh\" content=\"5\">",
        "30 s ago",
        "2026-03-02 12:01:00 UTC",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let position = |name: &str| html.find(&format!(">{name}</h2>")).unwrap();
    assert!(position("prod-eu") < position("test-jp"));
    assert!(position("test-jp") < position("test-eu"));
    assert!(position("test-eu") < position("prod-us"));
}

#[test]
fn refreshing_can_be_paused() {
    let paused = View {
        refreshes: false,
        ..ALL
    };
    let html = render(&mixed(), after(90), &paused).unwrap();
    assert!(!html.contains("http-equiv"));
    assert!(html.contains("refresh=on"));
}

#[test]
fn a_stale_result_is_called_stale() {
    let html = render(&failing(), after(60 + 101), &ALL).unwrap();
    assert!(html.contains("Stale: no result"), "{html}");
    assert!(html.contains("Access deserves a look"));
}

#[test]
fn a_fleet_is_paged_worst_first_and_small() {
    let fleet = fleet(1201);
    let first = render(&fleet, after(90), &ALL).unwrap();
    assert_eq!(first.matches("<tr class=").count(), 500);
    assert!(first.len() < 300_000, "{} bytes", first.len());
    assert!(first.find("target-00077").unwrap() < first.find("target-00000").unwrap());
    assert!(first.contains("page 1 of 3") && first.contains("rel=\"next\""));
    for (number, rows) in [(3, 201), (usize::MAX, 201)] {
        let html = render(&fleet, after(90), &View { number, ..ALL }).unwrap();
        assert_eq!(html.matches("<tr class=").count(), rows);
    }
    let one = View {
        target: Some("target-00077"),
        ..ALL
    };
    let html = render(&fleet, after(90), &one).unwrap();
    assert_eq!(html.matches("<article").count(), 1);
    let none = View {
        target: Some("<script>"),
        ..ALL
    };
    assert_eq!(
        render(&fleet, after(90), &none).unwrap_err().kind(),
        Kind::UnknownTarget
    );
}

/// Writes the pages to look at, when asked: `cargo test -- --ignored pages_to_look_at`.
#[test]
#[ignore = "writes files for a person to look at"]
fn pages_to_look_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, snapshot) in [
        ("mixed", mixed()),
        ("failing", failing()),
        ("fleet", fleet(60)),
    ] {
        let html = render(&snapshot, after(95), &ALL).unwrap();
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
}
