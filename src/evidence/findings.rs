//! Reading the answers of experiments: only what a diagnosis needs is kept, the rest is dropped.
//!
//! Field names are those of the vendor's API description. Nothing here trusts lengths or types:
//! what is not as described makes the experiment undetermined, never a reason to guess.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Client, Grant, Named, Permitted, Policy, TokenOwner, printable};

/// Most characters of an id, a name or a segment that are kept.
const TEXT_CAP: usize = 200;
/// Most grants, divisions, policies or scopes that are kept.
const MOST: usize = 1_000;

/// Reads `GET /api/v2/tokens/me`.
///
/// # Errors
/// Says why the body is not what the call answers.
pub fn token_owner(body: &str) -> Result<TokenOwner, String> {
    let object = object(body)?;
    let client = object.get("OAuthClient").filter(|value| !value.is_null());
    let owner = TokenOwner {
        organization: object.get("organization").and_then(named),
        home_organization: object.get("homeOrganization").and_then(named),
        client: client.and_then(|client| {
            Some(Client {
                named: named(client)?,
                grant_type: text(client, "authorizedGrantType"),
                state: text(client, "state"),
            })
        }),
        scopes: object.get("authorizedScope").and_then(scopes),
    };
    if owner == TokenOwner::default() {
        return Err("the answer says nothing about the token".to_owned());
    }
    Ok(owner)
}

/// Reads `GET /api/v2/authorization/divisionspermitted/paged/me`.
///
/// # Errors
/// Says why the body is not what the call answers.
pub fn permitted(permission: &str, body: &str) -> Result<Permitted, String> {
    let object = object(body)?;
    let entities = match object.get("entities") {
        Some(Value::Array(entities)) => Some(entities.as_slice()),
        None | Some(Value::Null) => None,
        Some(_) => return Err("entities is no list".to_owned()),
    };
    let all = object.get("allDivsPermitted").and_then(Value::as_bool);
    let total = total(&object)?;
    if entities.is_none() && all.is_none() && total.is_none() {
        return Err("the answer has neither allDivsPermitted nor divisions".to_owned());
    }
    // Without either, an empty list would be read as "nowhere" although nothing says so.
    if entities.is_none() && total.is_none() && all != Some(true) {
        return Err("the answer lists no divisions and no total".to_owned());
    }
    let entities = entities.unwrap_or_default();
    let divisions: Vec<Named> = entities.iter().filter_map(named).take(MOST).collect();
    // An entry that cannot be read is a division all the same, and there are more on the next page.
    let listed = u64::try_from(entities.len()).unwrap_or(u64::MAX);
    let listed = listed.saturating_add(u64::from(is_partial(&object)));
    Ok(Permitted {
        permission: permission.to_owned(),
        all: all.unwrap_or(false),
        total: total.unwrap_or(listed).max(listed),
        divisions,
    })
}

/// Reads `GET /api/v2/authorization/subjects/me`; of each role only the policies of `domains`.
///
/// A powerful role has thousands of policies: a cut list would seem not to carry what it carries.
///
/// # Errors
/// Says why the body is not what the call answers.
pub fn grants(domains: &[&str], body: &str) -> Result<Vec<Grant>, String> {
    #[derive(Deserialize)]
    struct Subject {
        grants: Option<Vec<Value>>,
    }
    let subject: Subject = serde_json::from_str(trimmed(body))
        .map_err(|_| "the answer is no JSON object".to_owned())?;
    let grants = subject.grants.ok_or("the answer lists no grants")?;
    if grants.len() > MOST {
        return Err(format!("there are more than {MOST} grants"));
    }
    grants
        .iter()
        .map(|value| {
            grant(domains, value).ok_or_else(|| {
                "a grant has no division, or a role whose policies cannot be read".to_owned()
            })
        })
        .collect()
}

fn grant(domains: &[&str], value: &Value) -> Option<Grant> {
    let role = value.get("role")?;
    // Without its policies nothing is known of a role: it may well carry the permission.
    let policies = role.get("policies")?.as_array()?;
    let policies: Vec<Policy> = policies.iter().map(policy).collect::<Option<_>>()?;
    let made_at = value.get("grantMadeAt").and_then(Value::as_str);
    Some(Grant {
        role: named(role)?,
        division: named(value.get("division")?)?,
        made_at: made_at.and_then(|text| text.parse::<Timestamp>().ok()),
        policies: policies
            .into_iter()
            .filter(|policy| policy.domain == "*" || domains.contains(&policy.domain.as_str()))
            .collect(),
    })
}

fn policy(value: &Value) -> Option<Policy> {
    let conditions = ["condition", "resourceConditionNode"];
    let is_bound = |name: &&str| match value.get(*name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Object(object)) => !object.is_empty(),
        Some(_) => true,
    };
    let actions = value.get("actions").or_else(|| value.get("actionSet"));
    Some(Policy {
        domain: text(value, "domain")?,
        entity: text(value, "entityName")?,
        actions: actions
            .and_then(Value::as_array)?
            .iter()
            .filter_map(Value::as_str)
            .map(|action| printable(action, TEXT_CAP))
            .take(MOST)
            .collect(),
        conditional: conditions.iter().any(is_bound),
    })
}

/// Reads `GET /api/v2/authorization/permissions?queryType=domain`: permissions as
/// `domain:entity:action`.
///
/// # Errors
/// Says why the body is not what the call answers, or that it shows only a part.
pub fn permissions(domain: &str, body: &str) -> Result<Vec<String>, String> {
    let object = object(body)?;
    let Some(Value::Array(entities)) = object.get("entities") else {
        return Err("the answer lists no permissions".to_owned());
    };
    let shown = u64::try_from(entities.len()).unwrap_or(u64::MAX);
    if total(&object)?.is_some_and(|total| total > shown) || is_partial(&object) {
        return Err("the answer shows only a part of the permissions".to_owned());
    }
    let mut known = Vec::new();
    for entity in entities {
        let named = text(entity, "domain").ok_or("an entry has no domain")?;
        let map = entity.get("permissionMap").and_then(Value::as_object);
        let map = map.ok_or("an entry has no permissionMap")?;
        if named.eq_ignore_ascii_case(domain) {
            for (entity, actions) in map {
                known
                    .extend(actions_of(domain, entity, actions).ok_or("an entry names no action")?);
            }
        }
    }
    Ok(known)
}

/// None when an entry of the list names no action, so that nothing may be missed in it.
fn actions_of(domain: &str, entity: &str, actions: &Value) -> Option<Vec<String>> {
    let named = |action: &Value| {
        let action = action.as_str().map(str::to_owned);
        let text = |action: String| printable(&format!("{domain}:{entity}:{action}"), TEXT_CAP);
        action.map(text)
    };
    let of_entry = |entry: &Value| named(entry).or_else(|| named(entry.get("action")?));
    actions.as_array()?.iter().map(of_entry).collect()
}

/// The total of a listing; none when it names none.
fn total(object: &Map<String, Value>) -> Result<Option<u64>, String> {
    match object.get("total") {
        None | Some(Value::Null) => Ok(None),
        Some(total) => {
            let wrong = || "total is no count".to_owned();
            total.as_u64().map(Some).ok_or_else(wrong)
        }
    }
}

/// Whether a listing says that there are further pages.
fn is_partial(object: &Map<String, Value>) -> bool {
    let pages = object.get("pageCount").and_then(Value::as_u64);
    let next = object.get("nextUri").and_then(Value::as_str);
    pages.is_some_and(|pages| pages > 1) || next.is_some_and(|uri| !uri.is_empty())
}

fn trimmed(body: &str) -> &str {
    body.trim_start_matches('\u{feff}').trim()
}

fn object(body: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(trimmed(body)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the answer is JSON, but no object".to_owned()),
        Err(_) => Err("the answer is no JSON".to_owned()),
    }
}

fn named(value: &Value) -> Option<Named> {
    Some(Named {
        id: text(value, "id")?,
        name: text(value, "name"),
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = printable(value.get(name)?.as_str()?, TEXT_CAP);
    (!text.is_empty()).then_some(text)
}

fn scopes(value: &Value) -> Option<Vec<String>> {
    let scopes = value.as_array()?.iter().filter_map(Value::as_str);
    Some(
        scopes
            .map(|scope| printable(scope, TEXT_CAP))
            .take(MOST)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::evidence::Carries;

    #[test]
    fn a_token_tells_whose_it_is() {
        let body = json!({
            "organization": {"id": "o", "name": "Org"},
            "homeOrganization": {"id": "h"},
            "authorizedScope": ["routing", "users:readonly"],
            "OAuthClient": {"id": "c", "name": "Client", "authorizedGrantType": "CODE", "state": "active"},
        });
        let owner = token_owner(&body.to_string()).unwrap();
        assert_eq!(owner.is_guest(), Some(true));
        assert_eq!(owner.client.unwrap().is_machine(), Some(false));
        assert_eq!(owner.scopes.unwrap(), ["routing", "users:readonly"]);
        for wrong in ["", "{}", "[]", "<html>", r#"{"organization":7}"#] {
            assert!(token_owner(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn permitted_divisions_are_read_and_silence_is_not_nowhere() {
        let read = |body: Value| permitted("a:b:c", &body.to_string());
        let some =
            read(json!({"total": 2, "entities": [{"id": "1", "name": "Home"}, {"id": "2"}]}));
        assert_eq!(some.unwrap().includes("2"), Some(true));
        assert!(
            read(json!({"total": 0, "entities": []}))
                .unwrap()
                .is_nowhere()
        );
        assert!(read(json!({"allDivsPermitted": true})).unwrap().all);
        let unread = read(json!({"entities": [{"name": "Home"}, 7]})).unwrap();
        assert!(!unread.is_nowhere());
        assert_eq!(unread.includes("x"), None);
        let part = read(json!({"entities": [{"id": "1"}], "pageCount": 3})).unwrap();
        assert_eq!(part.includes("x"), None);
        assert!(read(json!({"entities": [], "total": -4})).is_err());
        for silent in [
            json!({}),
            json!({"allDivsPermitted": false}),
            json!({"entities": {}}),
        ] {
            assert!(read(silent.clone()).is_err(), "{silent}");
        }
    }

    #[test]
    fn grants_keep_the_policies_that_matter() {
        let body = json!({"grants": [{
            "division": {"id": "d", "name": "Home"},
            "role": {"id": "r", "name": "Reader", "policies": [
                {"domain": "routing", "entityName": "queue", "actions": ["view"], "condition": ""},
                {"domain": "routing", "entityName": "skill", "actions": ["*"], "condition": "x"},
                {"domain": "analytics", "entityName": "*", "actions": ["*"]},
            ]},
            "grantMadeAt": "2026-01-12T09:30:00.000Z",
        }]});
        let grants = grants(&["routing"], &body.to_string()).unwrap();
        let [grant] = grants.as_slice() else {
            panic!("one grant: {grants:?}")
        };
        assert_eq!(grant.policies.len(), 2);
        assert_eq!(grant.carries("routing:queue:view"), Carries::Yes);
        assert_eq!(grant.carries("routing:skill:view"), Carries::Conditionally);
        assert_eq!(grant.carries("analytics:x:view"), Carries::No);
        assert!(grant.made_at.is_some());
        let bare = r#"{"grants":[{"division":{"id":"d"},"role":{"id":"r"}}]}"#;
        let odd = r#"{"grants":[{"division":{"id":"d"},"role":{"id":"r","policies":[{"domain":"routing"}]}}]}"#;
        for wrong in [
            "{}",
            bare,
            odd,
            r#"{"grants":[{}]}"#,
            r#"{"grants":{}}"#,
            "<html>",
        ] {
            assert!(super::grants(&[], wrong).is_err(), "{wrong}");
        }
        assert_eq!(super::grants(&[], r#"{"grants":[]}"#), Ok(vec![]));
    }

    #[test]
    fn the_permissions_of_a_domain_are_put_together() {
        let body = json!({"total": 1, "entities": [{"domain": "routing", "permissionMap": {
            "queue": [{"action": "view"}, {"action": "edit"}], "skill": [],
        }}]});
        let known = permissions("routing", &body.to_string()).unwrap();
        assert_eq!(known, ["routing:queue:view", "routing:queue:edit"]);
        let part = json!({"total": 9, "entities": []}).to_string();
        assert!(permissions("routing", &part).is_err());
        assert_eq!(permissions("routing", r#"{"entities":[]}"#), Ok(vec![]));
        assert!(permissions("routing", r#"{"entities":[{}]}"#).is_err());
        for part in [
            json!({"pageCount": 3}),
            json!({"nextUri": "/x"}),
            json!({"total": -4}),
        ] {
            let mut body = json!({"entities": []});
            body.as_object_mut()
                .unwrap()
                .extend(part.as_object().unwrap().clone());
            assert!(permissions("routing", &body.to_string()).is_err(), "{body}");
        }
        for odd in [json!([{"label": "View"}]), json!(7)] {
            let body =
                json!({"entities": [{"domain": "routing", "permissionMap": {"queue": odd}}]});
            assert!(permissions("routing", &body.to_string()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: String) {
            drop(token_owner(&body));
            drop(permitted("a:b:c", &body));
            drop(grants(&["a"], &body));
            drop(permissions("a", &body));
        }
    }
}
