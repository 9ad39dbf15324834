//! One layer of the configuration: what a single source sets, and where.

use std::collections::BTreeMap;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use secrecy::SecretString;

use super::keys::{GENESYS, KEYS, Key, Preset};
use super::problem::{Place, Problems};

/// One setting as a source gives it.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) place: Place,
    /// `None` when the value is bad, which has been reported.
    pub(super) value: Option<ValueKind>,
}

impl Setting {
    /// The value as text; `None` for a bad value.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Some(ValueKind::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// A secret that a source holds itself, like a variable or a profile.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) place: Place,
    /// `None` when the value is bad, which has been reported.
    pub(super) value: Option<SecretString>,
}

/// What one source says about access to Genesys Cloud: the `[genesys]` of a layer, one
/// `[[targets]]`, or one `gc` profile.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The table itself.
    pub(super) place: Place,
    pub(super) settings: BTreeMap<&'static str, Setting>,
    pub(super) client_secret: Option<Literal>,
    pub(super) access_token: Option<Literal>,
}

impl Scope {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            settings: BTreeMap::new(),
            client_secret: None,
            access_token: None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    pub(super) fn set(
        &mut self,
        key: &'static Key,
        place: Place,
        value: ValueKind,
        problems: &mut Problems,
    ) {
        let value = problems.check(&place, key.kind.check(&value).map(|()| value));
        self.settings.insert(key.name, Setting { place, value });
    }
}

/// All that one source sets.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// By path; everything but the keys of `[genesys]`.
    pub(super) settings: BTreeMap<String, Setting>,
    pub(super) genesys: Scope,
}

impl Layer {
    /// A layer that sets nothing; `place` is that of its `[genesys]`.
    pub(super) fn new(place: Place) -> Self {
        Self {
            settings: BTreeMap::new(),
            genesys: Scope::new(place),
        }
    }

    /// The built-in defaults.
    pub(super) fn defaults() -> Self {
        let mut layer = Self::new(Place::flag(GENESYS));
        let mut problems = Problems::default();
        for key in KEYS {
            if let Some(value) = preset(key.default) {
                layer.set(key, Place::flag(key.path()), value, &mut problems);
            }
        }
        layer
    }

    /// Checks a value on its own and keeps it.
    pub(super) fn set(
        &mut self,
        key: &'static Key,
        place: Place,
        value: ValueKind,
        problems: &mut Problems,
    ) {
        if key.section == GENESYS {
            return self.genesys.set(key, place, value, problems);
        }
        let value = problems.check(&place, key.kind.check(&value).map(|()| value));
        self.settings.insert(key.path(), Setting { place, value });
    }
}

/// Lets the `config` crate put layers on top of each other.
impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let good = |(path, setting): (&String, &Setting)| {
            let value = Value::new(None, setting.value.clone()?);
            Some((path.clone(), value))
        };
        Ok(self.settings.iter().filter_map(good).collect())
    }
}

/// Puts the layers on top of each other, the last one uppermost.
pub(super) fn merge(layers: &[Layer]) -> Result<Config, ConfigError> {
    layers
        .iter()
        .fold(Config::builder(), |builder, layer| {
            builder.add_source(layer.clone())
        })
        .build()
}

fn preset(default: Preset) -> Option<ValueKind> {
    Some(match default {
        Preset::Nothing => return None,
        Preset::Flag(flag) => ValueKind::Boolean(flag),
        Preset::Integer(number) => ValueKind::I64(number),
        Preset::Fraction(number) => ValueKind::Float(number),
        Preset::Text(text) => ValueKind::String(text.to_owned()),
        Preset::List(texts) => ValueKind::from(texts.to_vec()),
    })
}
