//! Who the caller is and what it is granted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::access::{Grant, Role};
use super::answer::Failure;
use super::api::Call;
use super::demo_org::made_at;
use super::org::{Client, Org};
use super::paging;
use super::permission::Policy;
use super::token::Token;

/// `GET /api/v2/tokens/me`.
pub(super) fn token(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let token = own_token(org, call)?;
    let organization = json!({"id": org.id, "name": org.name});
    let home = match &org.rules.home_organization {
        Some((id, name)) => json!({"id": id, "name": name}),
        None => organization.clone(),
    };
    let mut info = json!({
        "organization": organization,
        "homeOrganization": home,
        "authorizedScope": token.scopes.clone().unwrap_or_default(),
    });
    if let (Some(client), Some(info)) = (org.client(&token.client), info.as_object_mut()) {
        let mut described = describe_client(org, client);
        described.insert("organization".to_owned(), organization);
        described.insert(
            "scope".to_owned(),
            json!(token.scopes.clone().unwrap_or_default()),
        );
        info.insert("OAuthClient".to_owned(), Value::Object(described));
    }
    Ok(info)
}

/// `GET /api/v2/users/me`.
pub(super) fn user(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let token = own_token(org, call)?;
    let user = org
        .users
        .iter()
        .find(|user| Some(&user.id) == token.user.as_ref());
    let user = user.ok_or_else(|| Failure::not_found("the user"))?;
    Ok(json!({
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "username": user.email,
        "state": "active",
        "version": 1,
        "selfUri": format!("/api/v2/users/{}", user.id),
    }))
}

/// `GET /api/v2/authorization/subjects/me`.
///
/// Whether the real one answers from the grants or from a cache of them is not known; this one
/// answers from the grants unless it is told otherwise.
pub(super) fn subject(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let token = own_token(org, call)?;
    let subject = token.subject();
    let grants = org.shown(token, call.now).of(subject);
    let grants: Vec<Value> = grants
        .map(|(grant, role)| describe_grant(org, grant, role))
        .collect();
    let client = org.client(subject).map(|client| client.name.as_str());
    let name = client.or_else(|| {
        org.users
            .iter()
            .find(|user| user.id == subject)
            .map(|user| user.name.as_str())
    });
    Ok(json!({
        "id": subject,
        "name": name,
        "grants": grants,
        "version": 1,
        "selfUri": format!("/api/v2/authorization/subjects/{subject}"),
    }))
}

/// `GET /api/v2/authorization/divisionspermitted/paged/me`.
///
/// Answers from what [`subject`] answers from. Whether the real one evaluates access policies and
/// conditions is not known; this one tells what roles carry.
pub(super) fn divisions_permitted(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let Some(permission) =
        paging::value(&call.query, "permission").filter(|value| !value.is_empty())
    else {
        let message = "The query parameter permission is required.";
        return Err(Failure::new(400, "invalid.query.param.value", message));
    };
    let token = own_token(org, call)?;
    let authority = org.shown(token, call.now).authority(token.subject());
    let permitted = org
        .divisions
        .iter()
        .filter(|division| org.carries(&authority, permission, Some(&division.id)));
    let describe = |division: &super::org::Division| {
        json!({
            "id": division.id,
            "name": division.name,
            "description": "",
            "homeDivision": division.home,
            "selfUri": format!("/api/v2/authorization/divisions/{}", division.id),
        })
    };
    let all = org.carries(&authority, permission, Some("*"));
    let mut listing = paging::page(call.path, &call.query, permitted.map(describe).collect())?;
    listing.insert("allDivsPermitted".to_owned(), json!(all));
    Ok(Value::Object(listing))
}

/// `GET /api/v2/authorization/permissions`: what this organisation has, by domain.
pub(super) fn permissions(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let by_domain = paging::value(&call.query, "queryType")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("domain"));
    let wanted = paging::value(&call.query, "query").filter(|_| by_domain);
    let mut domains: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for permission in &org.permissions {
        let mut parts = permission.splitn(3, ':');
        let (Some(domain), Some(entity), Some(action)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if wanted.is_some_and(|wanted| wanted != domain) {
            continue;
        }
        let known = domains
            .entry(domain)
            .or_default()
            .entry(entity)
            .or_insert_with(|| json!([]));
        if let Some(actions) = known.as_array_mut() {
            actions.push(json!({
                "domain": domain,
                "entityType": entity,
                "action": action,
                "label": format!("{domain} {entity} {action}"),
                "allowsConditions": false,
                "divisionAware": domain == "routing",
            }));
        }
    }
    let items = domains
        .into_iter()
        .map(|(domain, map)| json!({"domain": domain, "permissionMap": map}))
        .collect();
    paging::page(call.path, &call.query, items).map(Value::Object)
}

/// `GET /api/v2/authorization/products`.
pub(super) fn products(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let items = org.products.iter().map(|id| json!({"id": id})).collect();
    paging::page(call.path, &call.query, items).map(Value::Object)
}

/// `GET /api/v2/authorization/roles/{roleId}`.
pub(super) fn role(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let id = call.last_segment();
    let roles = &org.access.roles;
    let role = roles
        .iter()
        .find(|role| role.id == id)
        .ok_or_else(|| Failure::not_found("a role with that id"))?;
    let policies: Vec<Value> = role
        .policies
        .iter()
        .map(|policy| json!({"domain": policy.domain, "entityName": policy.entity, "actionSet": policy.actions}))
        .collect();
    let uri = format!("/api/v2/authorization/roles/{id}");
    Ok(
        json!({"id": role.id, "name": role.name, "permissionPolicies": policies, "default": false, "selfUri": uri}),
    )
}

/// `GET /api/v2/oauth/clients/{clientId}`.
pub(super) fn client(org: &Org, call: &Call<'_>) -> Result<Value, Failure> {
    let found = org
        .client(call.last_segment())
        .ok_or_else(|| Failure::not_found("a client with that id"))?;
    Ok(Value::Object(describe_client(org, found)))
}

fn own_token<'a>(org: &'a Org, call: &Call<'_>) -> Result<&'a Token, Failure> {
    org.token(&call.caller.token)
        .ok_or_else(|| Failure::not_found("the token"))
}

fn describe_client(org: &Org, client: &Client) -> Map<String, Value> {
    let pairs = org.access.of(&client.id);
    let pairs: Vec<Value> = pairs
        .map(|(grant, _)| json!({"roleId": grant.role, "divisionId": grant.division}))
        .collect();
    let mut described = Map::new();
    let mut put = |name: &str, value: Value| described.insert(name.to_owned(), value);
    put("id", json!(client.id));
    put("name", json!(client.name));
    put("dateCreated", json!(date(made_at())));
    put("dateModified", json!(date(made_at())));
    put("authorizedGrantType", json!(client.grant_type.as_str()));
    put("scope", json!([]));
    put("roleDivisions", json!(pairs));
    put("state", json!(client.state.as_str()));
    described
}

fn describe_grant(org: &Org, grant: &Grant, role: &Role) -> Value {
    // How the real answer names "all divisions" is not known; `*` for both is a stand-in.
    let division = org
        .division(&grant.division)
        .map_or("*", |division| division.name.as_str());
    let policies: Vec<Value> = role.policies.iter().map(describe_policy).collect();
    json!({
        "subjectId": grant.subject,
        "division": {"id": grant.division, "name": division, "homeDivision": division == "Home"},
        "role": {"id": role.id, "name": role.name, "policies": policies, "default": false},
        "grantMadeAt": date(grant.made_at),
    })
}

fn describe_policy(policy: &Policy) -> Value {
    let mut described = json!({
        "domain": policy.domain,
        "entityName": policy.entity,
        "actions": policy.actions,
    });
    if let (Some(condition), Some(described)) = (&policy.condition, described.as_object_mut()) {
        described.insert("condition".to_owned(), json!(condition.text));
    }
    described
}

/// A date as the platform writes it.
fn date(time: Timestamp) -> String {
    format!("{time:.3}")
}
