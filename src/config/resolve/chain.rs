//! Who wins: the scopes that a target takes its settings from, strongest first.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::config::kind;
use crate::config::layer::{Literal, Scope, Setting};
use crate::config::problem::Place;
use crate::config::secret::SecretKind;

/// The scopes of one target: its own table and profile, then what all targets share.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    scopes: Vec<&'a Scope>,
    /// How many of the scopes are the target's own.
    own: usize,
}

/// Which variables and flags some target has used, by name.
#[derive(Debug, Default)]
pub(super) struct Used(RefCell<HashSet<String>>);

impl Used {
    pub(super) fn mark(&self, place: &Place) {
        self.0.borrow_mut().insert(place.key.clone());
    }

    pub(super) fn has(&self, place: &Place) -> bool {
        self.0.borrow().contains(&place.key)
    }
}

/// What a scope says about a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    File(&'a Setting),
    Variable(&'a Setting),
    Literal(&'a Literal),
}

impl Given<'_> {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::File(setting) | Self::Variable(setting) => &setting.place,
            Self::Literal(literal) => &literal.place,
        }
    }
}

/// The secrets that a credential can need. Each but the client's own belongs to one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    ClientSecret,
    RefreshToken,
    Assertion,
    Password,
    AccessToken,
}

impl Wanted {
    /// What speaks for a user beside a client.
    pub(super) const FOR_USERS: [Self; 3] = [Self::RefreshToken, Self::Assertion, Self::Password];

    /// The secret that makes a grant what it is.
    pub(super) fn of_grant(name: &str) -> Self {
        match name {
            kind::REFRESH_TOKEN => Self::RefreshToken,
            kind::SAML2_BEARER => Self::Assertion,
            kind::PASSWORD => Self::Password,
            kind::ACCESS_TOKEN => Self::AccessToken,
            _ => Self::ClientSecret,
        }
    }

    /// What it is, for people.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::ClientSecret => "the secret of the OAuth client",
            Self::RefreshToken => "a refresh token",
            Self::Assertion => "a SAML assertion",
            Self::Password => "the password of the user",
            Self::AccessToken => "an access token",
        }
    }

    pub(super) fn file_key(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret_file",
            Self::RefreshToken => "refresh_token_file",
            Self::Assertion => "assertion_file",
            Self::Password => "password_file",
            Self::AccessToken => "access_token_file",
        }
    }

    /// A refresh token is replaced and an assertion is long: neither fits into a variable.
    pub(super) fn variable_key(self) -> Option<&'static str> {
        match self {
            Self::ClientSecret => Some("client_secret_env"),
            Self::Password => Some("password_env"),
            Self::AccessToken => Some("access_token_env"),
            Self::RefreshToken | Self::Assertion => None,
        }
    }

    /// The variable that most people would set.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::ClientSecret => "GENESYS_CLOUD_CLIENT_SECRET",
            Self::RefreshToken => "WHY403__GENESYS__REFRESH_TOKEN_FILE",
            Self::Assertion => "WHY403__GENESYS__ASSERTION_FILE",
            Self::Password => "WHY403__GENESYS__PASSWORD_FILE",
            Self::AccessToken => "GENESYSCLOUD_ACCESS_TOKEN",
        }
    }

    /// Where it goes.
    pub(super) fn kind(self) -> SecretKind {
        match self {
            Self::ClientSecret | Self::AccessToken => SecretKind::Header,
            Self::RefreshToken | Self::Password => SecretKind::Field,
            Self::Assertion => SecretKind::Assertion,
        }
    }

    /// All the ways in which one scope gives this secret.
    pub(super) fn of(self, scope: &Scope) -> Vec<Given<'_>> {
        let literal = match self {
            Self::ClientSecret => &scope.client_secret,
            Self::AccessToken => &scope.access_token,
            Self::RefreshToken | Self::Assertion | Self::Password => &None,
        };
        let file = scope.get(self.file_key()).map(Given::File);
        let variable = self.variable_key().and_then(|key| scope.get(key));
        let variable = variable.map(Given::Variable);
        let literal = literal.as_ref().map(Given::Literal);
        [literal, file, variable].into_iter().flatten().collect()
    }
}

impl<'a> Chain<'a> {
    pub(super) fn new(own: Option<&'a Scope>, shared: &[&'a Scope]) -> Self {
        Self {
            own: usize::from(own.is_some()),
            scopes: own.into_iter().chain(shared.iter().copied()).collect(),
        }
    }

    /// Puts the scope of a profile behind the scope that names it.
    pub(super) fn insert_profile(&mut self, behind: usize, profile: &'a Scope) {
        self.scopes.insert(behind + 1, profile);
        if behind < self.own {
            self.own += 1;
        }
    }

    /// The strongest setting of a key, and how far down it is.
    pub(super) fn first(&self, name: &str) -> Option<(usize, &'a Setting)> {
        let mut scopes = self.scopes.iter().enumerate();
        scopes.find_map(|(at, scope)| Some((at, scope.get(name)?)))
    }

    /// The strongest scope that gives a secret in any way.
    pub(super) fn first_secret(&self, wanted: Wanted) -> Option<(usize, Vec<Given<'a>>)> {
        let mut scopes = self.scopes.iter().enumerate();
        scopes.find_map(|(at, scope)| {
            let given = wanted.of(scope);
            (!given.is_empty()).then_some((at, given))
        })
    }

    /// The target's own scopes, then the shared ones.
    pub(super) fn tiers(&self) -> [&[&'a Scope]; 2] {
        let (own, shared) = self.scopes.split_at(self.own.min(self.scopes.len()));
        [own, shared]
    }

    pub(super) fn scope(&self, at: usize) -> Option<&'a Scope> {
        self.scopes.get(at).copied()
    }
}
