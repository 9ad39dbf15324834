//! The remedy as the vendor's command-line tool and its Terraform provider do it.
//!
//! Forms and names are those of the tools' own documentation. Ids come from the evidence where
//! they have the form of one; a name stands only where no id is known, and quoted.

use super::super::catalogue::Context;
use super::super::visibility::Loss;
use super::super::{Cause, Command, Division, Finding, Outcome, Tool};
use super::paste::{id, is_id, parts, shell, terraform};
use super::roles::Carrier;
use crate::target::IdentityKind;

/// Most divisions for which a command is written.
const MOST_DIVISIONS: usize = 5;

/// What other tools do about `finding`; empty where nothing is known that helps.
pub(super) fn commands(finding: Finding, context: &Context<'_>) -> Vec<Command> {
    let is_machine = context.identity.kind == IdentityKind::Machine;
    match finding {
        Finding::Forbidden(Cause::MissingPermission | Cause::MissingDivisionPermission) => {
            Grant::of(context).map_or_else(Vec::new, |grant| grant.commands())
        }
        Finding::Other(Outcome::QueuesEmpty | Outcome::QueuesMissing)
            if matches!(context.case.loss, Some(Loss::Lost | Loss::NotGranted)) =>
        {
            Grant::of(context).map_or_else(Vec::new, |grant| grant.commands())
        }
        Finding::Forbidden(Cause::Propagating) if !context.case.works_again => {
            check(context).into_iter().collect()
        }
        Finding::Forbidden(Cause::ObjectForbidden) => check(context).into_iter().collect(),
        Finding::Forbidden(Cause::PolicyDenied) => policies(context),
        Finding::Forbidden(Cause::PermissionNotInOrg) => in_org(context),
        Finding::Forbidden(Cause::MissingScope) if context.identity.kind == IdentityKind::User => {
            scopes(context)
        }
        Finding::Other(Outcome::ClientRejected | Outcome::GrantRejected) if is_machine => {
            let client = client(context);
            vec![gc(
                "read state and grant type of the client",
                format!("gc oauth clients get {client}"),
            )]
        }
        _ => Vec::new(),
    }
}

fn gc(purpose: &'static str, text: String) -> Command {
    Command {
        tool: Tool::Gc,
        purpose,
        text,
    }
}

fn hcl(purpose: &'static str, text: String) -> Command {
    Command {
        tool: Tool::Terraform,
        purpose,
        text,
    }
}

fn client<'a>(context: &'a Context<'_>) -> &'a str {
    let told = context
        .case
        .client
        .as_ref()
        .map(|client| client.id.as_str());
    id(context.identity.client_id.as_deref().or(told), "<clientId>")
}

/// Where the caller holds what it needs.
fn check(context: &Context<'_>) -> Option<Command> {
    let need = context.case.need(context);
    let permission = need
        .permissions
        .first()
        .filter(|one| parts(one).is_some())?;
    Some(gc(
        "check where it is held, with a profile of the integration itself",
        format!("gc authorization divisionspermitted paged me list --permission {permission}"),
    ))
}

fn policies(context: &Context<'_>) -> Vec<Command> {
    if let Some(role) = context.case.bound.first() {
        let role = id(Some(&role.id), "<roleId>");
        return vec![gc(
            "read the role and the condition of its policy",
            format!("gc authorization roles get {role}"),
        )];
    }
    let about = match context.identity.kind {
        IdentityKind::Machine => client(context),
        IdentityKind::User | IdentityKind::Unknown => "<subjectId>",
    };
    vec![
        gc(
            "list the policies that concern the caller",
            format!("gc authorization policies subject list {about}"),
        ),
        gc(
            "list all policies of the org",
            "gc authorization policies list".to_owned(),
        ),
    ]
}

fn in_org(context: &Context<'_>) -> Vec<Command> {
    let need = context.case.need(context);
    let domain = need.permissions.first().and_then(|one| parts(one));
    let list = domain.map(|(domain, _, _)| {
        gc(
            "list what the org has of that domain",
            format!("gc authorization permissions list --queryType domain --query {domain}"),
        )
    });
    list.into_iter().collect()
}

fn scopes(context: &Context<'_>) -> Vec<Command> {
    let client = client(context);
    let is_scope = |one: &&str| one.split(':').all(|part| !part.is_empty() && is_id(part));
    let readonly = |one: &&str| one.ends_with(":readonly");
    let accepted = context.operation.scopes.iter().copied().filter(is_scope);
    let least = accepted.clone().find(readonly).or(accepted.clone().next());
    let mut commands = vec![gc(
        "read the scopes that the client may ask for",
        format!("gc oauth clients get {client}"),
    )];
    commands.extend(least.map(|scope| {
        hcl(
            "in genesyscloud_oauth_client of the application, beside its other scopes",
            format!("scopes = [\"{scope}\"]"),
        )
    }));
    commands
}

/// A permission, the role that should carry it, and where it is granted to whom.
struct Grant<'a> {
    context: &'a Context<'a>,
    /// What to grant, each in three plain parts.
    permissions: Vec<String>,
    divisions: &'a [Division],
}

impl<'a> Grant<'a> {
    /// None where nothing can be granted that has the form of a permission.
    fn of(context: &'a Context<'a>) -> Option<Self> {
        let permissions = context.case.need(context).permissions;
        let all_plain = permissions.iter().all(|one| parts(one).is_some());
        let divisions = match context.missing.divisions.as_slice() {
            [] => context.case.divisions.as_slice(),
            missing => missing,
        };
        (all_plain && !permissions.is_empty()).then_some(Self {
            context,
            permissions,
            divisions,
        })
    }

    fn commands(&self) -> Vec<Command> {
        let mut commands = self.role_by_gc();
        if !self.is_edit() {
            commands.extend(self.grants_by_gc());
        }
        commands.extend(check(self.context));
        commands.extend(self.role_by_terraform());
        if !self.is_edit() {
            commands.extend(self.grants_by_terraform());
        }
        commands
    }

    /// Whether a role that is granted already has to be edited, and nothing else.
    fn is_edit(&self) -> bool {
        matches!(self.context.case.carrier, Carrier::Edited(_))
    }

    fn role(&self) -> &str {
        let role = self.context.case.carrier.role();
        id(role.map(|role| role.id.as_str()), "<roleId>")
    }

    fn role_by_gc(&self) -> Vec<Command> {
        let policies = self.policies_as_json().join(",");
        match self.context.case.carrier {
            Carrier::Again(_) | Carrier::Elsewhere(_) => Vec::new(),
            Carrier::Edited(_) => {
                let role = self.role();
                vec![
                    gc(
                        "read the role",
                        format!("gc authorization roles get {role} > role.json"),
                    ),
                    gc(
                        "add the policy to the list, because the whole list is replaced, then write it back",
                        format!(
                            "# to permissionPolicies in role.json: {policies}\n\
                             gc authorization roles update {role} --file role.json"
                        ),
                    ),
                ]
            }
            Carrier::Unknown | Carrier::New => {
                let name = self.name();
                vec![gc(
                    "add the role and note its id",
                    format!(
                        "echo '{{\"name\":\"{name}\",\"permissionPolicies\":[{policies}]}}' | \
                         gc authorization roles create"
                    ),
                )]
            }
        }
    }

    /// The name of a new role: nothing but what it carries.
    fn name(&self) -> String {
        format!("Only {}", self.permissions.join(" "))
    }

    fn policies_as_json(&self) -> Vec<String> {
        let policy = |(domain, entity, action): (&str, &str, &str)| {
            format!(
                "{{\"domain\":\"{domain}\",\"entityName\":\"{entity}\",\"actionSet\":[\"{action}\"]}}"
            )
        };
        let plain = self.permissions.iter().filter_map(|one| parts(one));
        plain.map(policy).collect()
    }

    fn grants_by_gc(&self) -> Vec<Command> {
        let mut commands: Vec<Command> = self.unknown_divisions().collect();
        let role = self.role();
        let client = client(self.context);
        let subjects: &[(&str, &str, &'static str)] = match self.context.identity.kind {
            IdentityKind::Machine => &[(client, "PC_OAUTH_CLIENT", "grant it to the client")],
            IdentityKind::User => &[(
                "<userId>",
                "PC_USER",
                "grant it to the person, or to a group by its id and PC_GROUP",
            )],
            IdentityKind::Unknown => &[
                (
                    client,
                    "PC_OAUTH_CLIENT",
                    "grant it, if the caller is an OAuth client",
                ),
                ("<userId>", "PC_USER", "grant it, if the caller is a person"),
            ],
        };
        for (subject, kind, purpose) in subjects {
            let lines: Vec<String> = self
                .places()
                .into_iter()
                .map(|division| {
                    format!(
                        "gc authorization subjects divisions roles create {subject} {division} {role} \
                         --subjectType {kind}"
                    )
                })
                .chain(self.and_more())
                .collect();
            commands.push(gc(purpose, lines.join("\n")));
        }
        commands
    }

    /// The divisions as arguments of a command.
    fn places(&self) -> Vec<&str> {
        if self.divisions.is_empty() {
            return vec!["<divisionId>"];
        }
        let shown = self.divisions.iter().take(MOST_DIVISIONS);
        shown
            .map(|division| match division.id.as_str() {
                "*" => "'*'",
                _ if is_only_named(division) => "<divisionId>",
                known => id(Some(known), "<divisionId>"),
            })
            .collect()
    }

    fn and_more(&self) -> Option<String> {
        let more = self.divisions.len().saturating_sub(MOST_DIVISIONS);
        (more > 0).then(|| format!("# and the same for {more} more divisions"))
    }

    /// How to find the ids of divisions of which only the name is known.
    fn unknown_divisions(&self) -> impl Iterator<Item = Command> {
        let named = self.divisions.iter().filter(|one| is_only_named(one));
        named.take(MOST_DIVISIONS).map(|division| {
            gc(
                "find the id of the division",
                format!(
                    "gc authorization divisions list --name {} -a",
                    shell(&division.id)
                ),
            )
        })
    }

    /// The label of a new role in Terraform.
    fn label(&self) -> String {
        let first = self
            .permissions
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        first.to_lowercase().replace([':', '-'], "_")
    }

    fn role_by_terraform(&self) -> Option<Command> {
        match self.context.case.carrier {
            Carrier::Again(_) | Carrier::Elsewhere(_) => None,
            Carrier::Edited(_) => Some(hcl(
                "in genesyscloud_auth_role of that role, beside its other policies",
                self.policies_as_hcl(""),
            )),
            Carrier::Unknown | Carrier::New => Some(hcl(
                "the role",
                format!(
                    "resource \"genesyscloud_auth_role\" \"{}\" {{\n  name = \"{}\"\n{}\n}}",
                    self.label(),
                    self.name(),
                    self.policies_as_hcl("  ")
                ),
            )),
        }
    }

    fn policies_as_hcl(&self, indent: &str) -> String {
        let policy = |(domain, entity, action): (&str, &str, &str)| {
            format!(
                "{indent}permission_policies {{\n{indent}  domain      = \"{domain}\"\n\
                 {indent}  entity_name = \"{entity}\"\n{indent}  action_set  = [\"{action}\"]\n{indent}}}"
            )
        };
        let plain = self.permissions.iter().filter_map(|one| parts(one));
        plain.map(policy).collect::<Vec<_>>().join("\n")
    }

    fn grants_by_terraform(&self) -> Vec<Command> {
        let role = match self.context.case.carrier {
            Carrier::Unknown | Carrier::New => {
                format!("genesyscloud_auth_role.{}.id", self.label())
            }
            _ => terraform(self.role()),
        };
        let to_client = || {
            let block = match self.places_as_hcl().as_slice() {
                [one] => format!("roles {{\n  role_id     = {role}\n  division_id = {one}\n}}"),
                several => format!(
                    "dynamic \"roles\" {{\n  for_each = [{}]\n  content {{\n    role_id     = {role}\n    \
                     division_id = roles.value\n  }}\n}}",
                    several.join(", ")
                ),
            };
            hcl(
                "in genesyscloud_oauth_client of the integration, which has to list all its roles",
                with(vec![block], self.and_more()),
            )
        };
        let to_user = || {
            let divisions = self.places_as_hcl().join(", ");
            let block =
                format!("roles {{\n  role_id      = {role}\n  division_ids = [{divisions}]\n}}");
            hcl(
                "in genesyscloud_user_roles of the person, which has to list all their roles",
                with(vec![block], self.and_more()),
            )
        };
        match self.context.identity.kind {
            IdentityKind::Machine => vec![to_client()],
            IdentityKind::User => vec![to_user()],
            IdentityKind::Unknown => vec![to_client(), to_user()],
        }
    }

    fn places_as_hcl(&self) -> Vec<String> {
        if self.divisions.is_empty() {
            return vec![terraform("<divisionId>")];
        }
        let shown = self.divisions.iter().take(MOST_DIVISIONS);
        shown
            .map(|division| match division.id.as_str() {
                "*" => terraform("*"),
                _ if is_only_named(division) => terraform("<divisionId>"),
                known => terraform(id(Some(known), "<divisionId>")),
            })
            .collect()
    }
}

fn with(mut blocks: Vec<String>, more: Option<String>) -> String {
    blocks.extend(more);
    blocks.join("\n")
}

/// Whether the configuration names the division, and nothing tells its id.
fn is_only_named(division: &Division) -> bool {
    division.name.as_ref() == Some(&division.id) && !is_guid(&division.id)
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
