//! As much of JSON Schema as the document uses for answers.
//!
//! A word that is not known here is a failure: nothing that the document says goes unchecked.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

/// Follows a `$ref` within the document.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref") {
        Some(path) => {
            let pointer = path.as_str().unwrap().strip_prefix('#').unwrap();
            let found = document.pointer(pointer);
            found.unwrap_or_else(|| panic!("{pointer}"))
        }
        None => value,
    }
}

/// Checks a value against a schema of the document; `at` says where the value stands.
pub(super) fn conforms(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let all = |schemas: &Value| {
        let mut schemas = schemas.as_array().unwrap().iter();
        schemas.try_for_each(|schema| conforms(document, schema, value, at))
    };
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "description" | "default" => Ok(()),
            "$ref" => conforms(document, resolved(document, schema), value, at),
            "allOf" => all(rule),
            "oneOf" => one_of(document, rule, value, at),
            "items" => items(document, rule, value, at),
            "required" | "properties" | "additionalProperties" | "propertyNames" => {
                members(document, schema, word, value, at)
            }
            _ if is_so(word, rule, value) => Ok(()),
            _ => Err(format!("{at} is {value}, and its {word} should be {rule}")),
        }?;
    }
    Ok(())
}

fn one_of(document: &Value, choices: &Value, value: &Value, at: &str) -> Result<(), String> {
    let choices = choices.as_array().unwrap();
    let fits = |choice| conforms(document, choice, value, at);
    match choices.iter().filter(|choice| fits(choice).is_ok()).count() {
        0 => fits(&choices[0]),
        1 => Ok(()),
        more => Err(format!("{at} fits {more} schemas, not one")),
    }
}

fn items(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let items = value.as_array().into_iter().flatten();
    items.enumerate().try_for_each(|(position, item)| {
        conforms(document, schema, item, &format!("{at}[{position}]"))
    })
}

/// Rules about the members of an object, which nothing else breaks.
fn members(
    document: &Value,
    schema: &Value,
    word: &str,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    let rule = &schema[word];
    if word == "required" {
        let mut names = rule.as_array().unwrap().iter();
        let missing = names.find(|name| !members.contains_key(name.as_str().unwrap()));
        return missing.map_or(Ok(()), |name| Err(format!("{at} lacks {name}")));
    }
    for (name, member) in members {
        let named = schema.get("properties").and_then(|it| it.get(name));
        let inside = format!("{at}.{name}");
        match (word, named, rule) {
            ("properties", Some(schema), _) => conforms(document, schema, member, &inside)?,
            ("propertyNames", ..) => conforms(document, rule, &Value::from(name.as_str()), at)?,
            ("additionalProperties", None, Value::Bool(false)) => {
                return Err(format!("{at} has an unknown {name}"));
            }
            ("additionalProperties", None, Value::Object(_)) => {
                conforms(document, rule, member, &inside)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Rules about a value alone; those about another type than the value's do not concern it.
fn is_so(word: &str, rule: &Value, value: &Value) -> bool {
    let number = |holds: fn(f64, f64) -> bool| {
        let bound = rule.as_f64().unwrap();
        value.as_f64().is_none_or(|number| holds(number, bound))
    };
    let length = |holds: fn(usize, usize) -> bool| {
        let bound = usize::try_from(rule.as_u64().unwrap()).unwrap();
        value.as_array().is_none_or(|it| holds(it.len(), bound))
    };
    let text = |holds: fn(&str, &str) -> bool| {
        let rule = rule.as_str().unwrap();
        value.as_str().is_none_or(|text| holds(text, rule))
    };
    match word {
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| is_a(one, value)),
            one => is_a(one, value),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "minimum" => number(|number, bound| number >= bound),
        "maximum" => number(|number, bound| number <= bound),
        "minItems" => length(|length, bound| length >= bound),
        "maxItems" => length(|length, bound| length <= bound),
        "pattern" => text(matches),
        "format" => text(is_formatted),
        _ => panic!("{word} is not checked"),
    }
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

/// The patterns of answers, each by its own means.
fn matches(text: &str, pattern: &str) -> bool {
    match pattern {
        "^[^:]+(:[^:]+)?$" => {
            let parts: Vec<_> = text.split(':').collect();
            parts.len() <= 2 && parts.iter().all(|part| !part.is_empty())
        }
        other => panic!("{other} is not checked"),
    }
}

fn is_formatted(text: &str, format: &str) -> bool {
    match format {
        // Years have four digits in RFC 3339; a sign begins those of others.
        "date-time" => {
            text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<Timestamp>().is_ok()
        }
        "uri" => Url::parse(text).is_ok(),
        "uri-reference" => {
            let base = Url::parse("http://why403.example/").unwrap();
            base.join(text).is_ok()
        }
        other => panic!("{other} is not checked"),
    }
}
