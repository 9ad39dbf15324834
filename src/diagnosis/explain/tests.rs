//! Every word has its explanation, and the explanations keep to the rules.

use super::*;

fn kinds(word: &str) -> Vec<&'static str> {
    explain(word).iter().map(|one| one.kind).collect()
}

fn check(word: &str) -> Vec<Explanation> {
    let found = explain(word);
    for one in &found {
        assert!(!one.word.is_empty() && !one.paragraphs.is_empty(), "{word}");
        assert!(
            !one.title.is_empty() && !one.title.ends_with('.'),
            "{}",
            one.title
        );
        assert!(one.title.chars().count() <= 90, "{}", one.title);
        for text in one.paragraphs.iter().chain(&one.steps) {
            assert!(text.ends_with('.'), "{word}: {text}");
            assert!(
                !text.contains("Master Admin") && !text.contains("  "),
                "{text}"
            );
        }
    }
    found
}

#[test]
fn every_known_word_is_explained_and_leads_to_words_that_are_too() {
    for word in vocabulary() {
        let found = check(word);
        assert!(!found.is_empty(), "{word}");
        for other in found.iter().flat_map(|one| &one.see_also) {
            assert!(!explain(other).is_empty(), "{word} leads to {other}");
        }
    }
    for operation in OPERATIONS {
        let label = operation.label();
        let found = check(&label);
        assert_eq!(found.len(), 1, "{label}");
        assert_eq!(found[0].word, label);
    }
}

#[test]
fn causes_outcomes_and_classes_are_found_however_they_are_written() {
    assert_eq!(kinds("missing_permission"), ["403 cause"]);
    assert_eq!(kinds(" Missing-Permission. "), ["403 cause"]);
    assert_eq!(kinds("missing scope"), ["403 cause"]);
    assert_eq!(kinds("tls"), ["outcome"]);
    assert_eq!(kinds("credentials"), ["failure class"]);
    assert_eq!(kinds("missing.any.permissions"), ["error code"]);
    assert_eq!(kinds("insufficient_scope"), ["error code"]);
    assert_eq!(kinds("403"), ["HTTP status"]);
    assert_eq!(kinds("HTTP 504"), ["HTTP status"]);
}

#[test]
fn each_cause_says_what_proves_it_as_the_documents_do() {
    let page = include_str!("../../../docs/causes.md");
    for cause in Cause::ALL {
        let slug = cause.slug();
        let row = format!("| `{slug}` | {} |\n", proof(*cause));
        assert!(page.contains(&row), "{row}");
        let text = explain(slug)[0].paragraphs.join(" ");
        assert!(text.contains("What proves it: "), "{text}");
    }
}

#[test]
fn the_three_names_of_the_article_are_called_what_they_are() {
    assert_eq!(kinds("routing:queue"), ["mistaken name"]);
    assert_eq!(kinds("routing:queue:read"), ["mistaken name"]);
    assert_eq!(kinds("routing:queue:view"), ["mistaken name", "permission"]);
    let view = explain("routing:queue:view");
    assert!(view[1].title.contains("Routing > Queue > View"), "{view:?}");
    assert!(view[1].paragraphs[1].contains("GET /api/v2/routing/queues"));
}

#[test]
fn scopes_say_that_client_credentials_have_none() {
    for word in [
        "routing",
        "routing:readonly",
        "oauth",
        "organization:readonly",
    ] {
        let found = check(word);
        assert_eq!(found.len(), 1, "{word}");
        assert_eq!(found[0].kind, "scope");
        let text = found[0].paragraphs.join(" ");
        assert!(
            text.contains("do not apply to client credentials"),
            "{text}"
        );
    }
    assert!(explain("user-basic-info")[0].paragraphs[0].contains("exception"));
    let other = check("analytics:readonly");
    assert!(other[0].title.contains("not in the small catalogue"));
    assert!(other[0].paragraphs[1].contains("/api/v2/docs/swagger"));
}

#[test]
fn permissions_may_be_unknown_wild_or_in_a_division() {
    assert_eq!(
        explain("Routing:QueueMember:manage")[0].word,
        "routing:queueMember:manage"
    );
    let unknown = check("analytics:userObservation:view");
    assert!(unknown[0].title.contains("not in the small catalogue"));
    let wild = check("routing:queue:*");
    assert!(wild[0].see_also.contains(&"routing:queue:view".to_owned()));
    assert!(
        !wild[0]
            .see_also
            .contains(&"routing:queueMember:manage".to_owned())
    );
    assert_eq!(check("routing:*:*")[0].see_also.len(), 6);
    let divided = check("routing:queue:view:4f1c-77aa");
    assert_eq!(divided[0].see_also[0], "missing_division_permission");
    assert!(explain("a:b:c:d:e").is_empty());
    assert!(explain("a::c").is_empty());
}

#[test]
fn operations_are_found_by_label_path_url_and_real_ids() {
    let word =
        |text: &str| -> Vec<String> { check(text).into_iter().map(|one| one.word).collect() };
    assert_eq!(
        word("get /api/v2/routing/queues?pageSize=1"),
        ["GET /api/v2/routing/queues"]
    );
    assert_eq!(
        word("/api/v2/routing/queues"),
        ["GET /api/v2/routing/queues", "POST /api/v2/routing/queues"]
    );
    assert_eq!(
        word("GET https://api.mypurecloud.de/api/v2/routing/queues/0e1a-22"),
        ["GET /api/v2/routing/queues/{queueId}"]
    );
    assert_eq!(
        word("/api/v2/routing/queues/me/"),
        ["GET /api/v2/routing/queues/me"]
    );
    assert_eq!(
        word("GET /api/v2/routing/queues/0e1a/members"),
        ["GET /api/v2/routing/queues/{queueId}/members"]
    );
    let other = check("DELETE /api/v2/users/1");
    assert_eq!(other[0].word, "DELETE /api/v2/users/1");
    assert!(other[0].title.contains("not in the small catalogue"));
}

#[test]
fn unknown_words_have_no_explanation_but_perhaps_a_neighbour() {
    for word in [
        "",
        " ",
        "xyzzy",
        "{",
        "999",
        "\u{1b}[31m",
        "look /api/ there",
    ] {
        assert!(explain(word).is_empty(), "{word:?}");
    }
    assert_eq!(suggestions("missing_permision")[0], "missing_permission");
    assert_eq!(suggestions("Rooting"), ["routing"]);
    assert_eq!(suggestions("missing.permission")[0], "missing.permissions");
    assert!(suggestions("token_").contains(&"token_expired"));
    assert!(suggestions("xyzzy-plugh").is_empty());
    assert!(suggestions("").is_empty());
    assert!(suggestions(&"x".repeat(10_000)).is_empty());
}
