//! What each grant sends to the token endpoint, in the words of the vendor's SDKs.

use super::secret::Secrets;
use crate::target::Grant;
use crate::upstream::{Auth, Field};

/// How the client authenticates, and the form.
pub(super) fn request<'a>(grant: &'a Grant, secrets: &'a Secrets) -> (Auth<'a>, Vec<Field<'a>>) {
    let client_id = grant.client_id().unwrap_or_default();
    let kind = |name| Field::Plain("grant_type", name);
    let proof = |name| secrets.proof().map(|proof| Field::Secret(name, proof));
    let mut form = match grant {
        Grant::RefreshToken { .. } => vec![kind("refresh_token")],
        Grant::Saml2Bearer {
            organization_name, ..
        } => vec![
            kind("urn:ietf:params:oauth:grant-type:saml2-bearer"),
            Field::Plain("orgName", organization_name),
        ],
        Grant::Password { username, .. } => {
            vec![kind("password"), Field::Plain("username", username)]
        }
        Grant::ClientCredentials { .. } | Grant::AccessToken { .. } => {
            vec![kind("client_credentials")]
        }
    };
    form.extend(match grant {
        Grant::RefreshToken { .. } => proof("refresh_token"),
        Grant::Saml2Bearer { .. } => proof("assertion"),
        Grant::Password { .. } => proof("password"),
        Grant::ClientCredentials { .. } | Grant::AccessToken { .. } => None,
    });
    if let Some(secret) = secrets.client() {
        return (Auth::Basic(client_id, secret), form);
    }
    // A public client says in the form who it is (RFC 6749 section 3.2.1).
    form.push(Field::Plain("client_id", client_id));
    (Auth::None, form)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::target::{Credential, Name, Secret};

    /// The form as it is sent, and whether the client's secret goes with it.
    fn sent(grant: Grant) -> (bool, String) {
        let credential = Arc::new(Credential {
            name: Name::new("a").unwrap(),
            login: "https://login.example".parse().unwrap(),
            grant,
        });
        let secrets = Secrets::new(&credential);
        let (auth, form) = request(&credential.grant, &secrets);
        let text = |field: &Field<'_>| match *field {
            Field::Plain(name, value) => format!("{name}={value}"),
            Field::Secret(name, value) => format!("{name}=({})", value.expose_secret()),
        };
        let form: Vec<String> = form.iter().map(text).collect();
        (matches!(auth, Auth::Basic("id", _)), form.join("&"))
    }

    #[test]
    fn every_grant_sends_what_the_sdks_send() {
        let client_id = || "id".to_owned();
        let secret = || Secret::fixed("s");
        let grant = Grant::ClientCredentials {
            client_id: client_id(),
            client_secret: secret(),
        };
        assert_eq!(sent(grant), (true, "grant_type=client_credentials".into()));
        let refresh = |client_secret| Grant::RefreshToken {
            client_id: client_id(),
            client_secret,
            refresh_token: Secret::fixed("r"),
        };
        let form = "grant_type=refresh_token&refresh_token=(r)";
        assert_eq!(sent(refresh(Some(secret()))), (true, form.into()));
        assert_eq!(sent(refresh(None)), (false, format!("{form}&client_id=id")));
        let grant = Grant::Saml2Bearer {
            client_id: client_id(),
            client_secret: secret(),
            organization_name: "org".into(),
            assertion: Secret::fixed("a"),
        };
        let form = "grant_type=urn:ietf:params:oauth:grant-type:saml2-bearer&orgName=org\
                    &assertion=(a)";
        assert_eq!(sent(grant), (true, form.into()));
        let grant = Grant::Password {
            client_id: client_id(),
            client_secret: secret(),
            username: "ada".into(),
            password: Secret::fixed("p"),
        };
        let form = "grant_type=password&username=ada&password=(p)";
        assert_eq!(sent(grant), (true, form.into()));
    }
}
