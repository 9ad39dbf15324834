//! Queues: the listing that filters silently by division, and one queue.

use serde_json::{Value, json};

use super::answer::Failure;
use super::api::Call;
use super::guard::{self, Permissions};
use super::org::{Org, Queue};
use super::paging::{self, Query};

const VIEW: &str = "routing:queue:view";
const SEARCH: &str = "routing:queue:search";

/// `GET /api/v2/routing/queues`.
pub(super) fn list(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    if let Some(division) = &org.rules.list_division {
        guard::require(org, &call.caller, Permissions::Any(&[VIEW]), Some(division))?;
    }
    let visible = visible(org, call, VIEW);
    let items = visible
        .into_iter()
        .map(|queue| describe(org, queue))
        .collect();
    paging::page(call.path, &call.query, items).map(Value::Object)
}

/// `GET /api/v2/routing/queues/divisionviews` and `…/all`: the same queues under another permission.
///
/// The second is described as a digest of all queues; whether it leaves out divisions without the
/// permission is not known. It does here, as every list.
pub(super) fn division_views(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let visible = visible(org, call, SEARCH);
    let item = |queue: &Queue| json!({"id": queue.id, "name": queue.name, "division": division(org, queue)});
    paging::page(
        call.path,
        &call.query,
        visible.into_iter().map(item).collect(),
    )
    .map(Value::Object)
}

/// `GET /api/v2/routing/queues/{queueId}`.
pub(super) fn one(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let id = call.last_segment();
    let Some(queue) = org.queues.iter().find(|queue| queue.id == id) else {
        return Err(Failure::not_found("a queue with that id"));
    };
    guard::require(
        org,
        &call.caller,
        Permissions::All(&[VIEW]),
        Some(&queue.division),
    )?;
    Ok(describe(org, queue))
}

/// `GET /api/v2/routing/queues/me`: no user of the model is a member of a queue.
pub(super) fn mine(_: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    paging::page(call.path, &call.query, Vec::new()).map(Value::Object)
}

/// Queues in divisions where the caller holds `permission`, filtered and sorted as asked.
fn visible<'a>(org: &'a Org, call: &Call<'_>, permission: &str) -> Vec<&'a Queue> {
    let permitted =
        |queue: &&Queue| org.permits(&call.caller.authority, permission, Some(&queue.division));
    let mut queues: Vec<&Queue> = org
        .queues
        .iter()
        .filter(permitted)
        .filter(|queue| matches(queue, &call.query))
        .collect();
    queues.sort_by_key(|queue| queue.name.to_lowercase());
    if paging::value(&call.query, "sortOrder")
        .is_some_and(|order| order.to_lowercase().starts_with("desc"))
    {
        queues.reverse();
    }
    queues
}

fn matches(queue: &Queue, query: &Query) -> bool {
    let listed = |name: &str, value: &str| {
        let asked = paging::values(query, name);
        asked.is_empty() || asked.contains(&value)
    };
    // No queue of the model has a peer or a library of canned responses.
    let wants_more = !paging::values(query, "peerId").is_empty()
        || paging::value(query, "hasPeer") == Some("true")
        || paging::value(query, "cannedResponseLibraryId").is_some();
    !wants_more
        && listed("id", &queue.id)
        && listed("divisionId", &queue.division)
        && paging::value(query, "name").is_none_or(|pattern| name_matches(&queue.name, pattern))
}

/// Compares a name with a pattern that may have an asterisk at either end.
fn name_matches(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.to_lowercase(), pattern.to_lowercase());
    let (open_start, open_end) = (pattern.starts_with('*'), pattern.ends_with('*'));
    let core = pattern.trim_matches('*');
    match (open_start, open_end) {
        (true, true) => name.contains(core),
        (true, false) => name.ends_with(core),
        (false, true) => name.starts_with(core),
        (false, false) => name == core,
    }
}

fn division(org: &Org, queue: &Queue) -> Value {
    let name = org
        .division(&queue.division)
        .map(|division| division.name.as_str());
    json!({"id": queue.division, "name": name, "selfUri": format!("/api/v2/authorization/divisions/{}", queue.division)})
}

fn describe(org: &Org, queue: &Queue) -> Value {
    let media = json!({
        "enableAutoAnswer": false,
        "alertingTimeoutSeconds": 8,
        "serviceLevel": {"percentage": 0.8, "durationMs": 20_000},
    });
    json!({
        "id": queue.id,
        "name": queue.name,
        "division": division(org, queue),
        "dateCreated": "2026-01-12T09:00:00.000Z",
        "dateModified": "2026-01-12T09:00:00.000Z",
        "memberCount": queue.members,
        "userMemberCount": queue.members,
        "joinedMemberCount": queue.members,
        "mediaSettings": {"call": media},
        "acwSettings": {"wrapupPrompt": "OPTIONAL"},
        "skillEvaluationMethod": "BEST",
        "autoAnswerOnly": true,
        "enableTranscription": false,
        "enableManualAssignment": false,
        "defaultScripts": {},
        "selfUri": format!("/api/v2/routing/queues/{}", queue.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asterisks_open_either_end_of_a_name() {
        for (pattern, expected) in [
            ("Support Chat", true),
            ("support chat", true),
            ("Support", false),
            ("Support*", true),
            ("*chat", true),
            ("*port*", true),
            ("*", true),
            ("Chat*", false),
        ] {
            assert_eq!(name_matches("Support Chat", pattern), expected, "{pattern}");
        }
    }
}
