//! What of an answer's body is kept for longer than its diagnosis takes.
//!
//! A diagnosis reads of a success how many entries there are, and the first one's id and name;
//! whatever else the list says of people and queues is nobody's business. What is no such list
//! stays as it is, because its words are the evidence.

use serde_json::{Map, Value};

use super::{Answer, Evidence, Exchange};
use crate::target::Operation;

/// Most characters that are kept of a success which is longer than what is read.
const EXCERPT_CAP: usize = 1_000;

impl Evidence {
    /// The same evidence without what no diagnosis reads.
    #[must_use]
    pub fn reduced(mut self) -> Self {
        let operation = self.operation;
        let experiments = self.experiments.iter_mut().flat_map(|it| &mut it.exchanges);
        for exchange in self.exchanges.iter_mut().chain(experiments) {
            reduce_exchange(exchange, operation);
        }
        self
    }
}

fn reduce_exchange(exchange: &mut Exchange, operation: &Operation) {
    if let Ok(answer) = &mut exchange.result
        && (200..300).contains(&answer.status)
        && let Some(reduced) = reduced(answer, operation)
    {
        answer.body = reduced;
    }
}

/// What replaces the body of a success; none when every word of it counts.
fn reduced(answer: &Answer, operation: &Operation) -> Option<String> {
    if answer.truncated {
        return cut(&answer.body);
    }
    let text = answer.body.trim_start_matches('\u{feff}').trim();
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return None;
    };
    let kept = if operation.lists {
        listing(&object)?
    } else {
        Map::new()
    };
    serde_json::to_string(&kept).ok()
}

/// The beginning of a body whose end is missing anyway.
fn cut(body: &str) -> Option<String> {
    body.chars().nth(EXCERPT_CAP)?;
    let kept: String = body.chars().take(EXCERPT_CAP).collect();
    // What is no JSON must not become JSON, or nothing at all, by being cut.
    let text = kept.trim_start_matches('\u{feff}').trim();
    let says_as_little = !text.is_empty() && serde_json::from_str::<Value>(text).is_err();
    says_as_little.then_some(kept)
}

/// Total, number of entries, and the first entry that has an id; none for what is no list.
fn listing(object: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut kept = Map::new();
    if let Some(total) = object.get("total") {
        is_count(total).then_some(())?;
        kept.insert("total".to_owned(), total.clone());
    }
    match object.get("entities") {
        None => {}
        Some(Value::Null) => drop(kept.insert("entities".to_owned(), Value::Null)),
        Some(Value::Array(entities)) => {
            kept.insert("entities".to_owned(), Value::Array(first_only(entities)));
        }
        Some(_) => return None,
    }
    let is_listing = kept.values().any(|value| !value.is_null());
    is_listing.then_some(kept)
}

/// As many entries, of which only the first with an id says anything.
fn first_only(entities: &[Value]) -> Vec<Value> {
    let has_id = |entity: &Value| entity.get("id").is_some_and(Value::is_string);
    let first = entities.iter().position(has_id);
    let kept = |(place, entity): (usize, &Value)| {
        if Some(place) != first {
            return Value::Null;
        }
        let fields = ["id", "name"].into_iter();
        let fields = fields.filter_map(|name| Some((name.to_owned(), entity.get(name)?.clone())));
        Value::Object(fields.filter(|(_, value)| value.is_string()).collect())
    };
    entities.iter().enumerate().map(kept).collect()
}

/// Whether this is a count, or nothing; whatever else stands there is shown to people.
fn is_count(total: &Value) -> bool {
    match total {
        Value::Null => true,
        Value::Number(number) => {
            let exact = 0.0..=9_007_199_254_740_992.0;
            let is_whole = |number: f64| exact.contains(&number) && number.fract() == 0.0;
            number.is_u64() || number.as_f64().is_some_and(is_whole)
        }
        Value::String(text) => text.trim().parse::<u64>().is_ok(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str, operation: &Operation) -> Option<String> {
        let answer = Answer {
            status: 200,
            body: body.to_owned(),
            ..Answer::default()
        };
        reduced(&answer, operation)
    }

    #[test]
    fn a_list_keeps_its_count_and_the_first_name() {
        let queues = Operation::queues();
        let body = r#"{"entities":[null,{"id":"1","name":"Sales","mail":"a@b"},{"id":"2"}],"total":7,"x":1}"#;
        let kept = r#"{"entities":[null,{"id":"1","name":"Sales"},null],"total":7}"#;
        assert_eq!(of(body, queues).as_deref(), Some(kept));
        assert_eq!(
            of(r#"{"total":"3"}"#, queues).as_deref(),
            Some(r#"{"total":"3"}"#)
        );
        let me = Operation::find("GET /api/v2/tokens/me").unwrap();
        assert_eq!(of(r#"{"mail":"a@b"}"#, me).as_deref(), Some("{}"));
    }

    #[test]
    fn what_is_no_list_stays_as_it_is() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"entities":{}}"#,
            r#"{"entities":null,"total":null}"#,
            r#"{"total":-1}"#,
            r#"{"total":true,"entities":[]}"#,
        ] {
            assert_eq!(of(body, Operation::queues()), None, "{body}");
        }
    }

    #[test]
    fn a_long_body_keeps_its_beginning() {
        assert_eq!(
            cut(&"x".repeat(2_000)).map(|kept| kept.len()),
            Some(EXCERPT_CAP)
        );
        assert_eq!(cut("short"), None);
        assert_eq!(cut(&format!("{{}}{}x", " ".repeat(2_000))), None);
        // What would be said to be empty, although it is not, and a number after a mark of order.
        assert_eq!(cut(&format!("{}x", " ".repeat(2_000))), None);
        assert_eq!(cut(&format!("\u{feff} {}x", " ".repeat(2_000))), None);
        assert_eq!(cut(&format!("\u{feff}7{}x", " ".repeat(2_000))), None);
    }
}
