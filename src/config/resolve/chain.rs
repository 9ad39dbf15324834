//! Who wins: the scopes that a target takes its settings from, strongest first.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::config::layer::{Literal, Scope, Setting};
use crate::config::problem::Place;

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

/// The secrets that a credential can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    ClientSecret,
    AccessToken,
}

impl Wanted {
    pub(super) fn file_key(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret_file",
            Self::AccessToken => "access_token_file",
        }
    }

    pub(super) fn variable_key(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret_env",
            Self::AccessToken => "access_token_env",
        }
    }

    /// All the ways in which one scope gives this secret.
    pub(super) fn of(self, scope: &Scope) -> Vec<Given<'_>> {
        let literal = match self {
            Self::ClientSecret => &scope.client_secret,
            Self::AccessToken => &scope.access_token,
        };
        let file = scope.get(self.file_key()).map(Given::File);
        let variable = scope.get(self.variable_key()).map(Given::Variable);
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
