//! Reading a good answer: how many entities, and which is the first.

use serde_json::{Map, Value};

use super::{Queue, Queues};
use crate::evidence::printable;
use crate::target::Operation;

/// How many entities a page has at most where the answer does not say: as many as are asked for.
const PAGE: u64 = 1;

/// Most characters of a name that are kept.
const NAME_CAP: usize = 200;

/// Reads the body of a success.
///
/// # Errors
/// Says why the body is not what the operation answers.
pub(super) fn listing(body: &str, operation: &Operation) -> Result<Queues, String> {
    let text = body.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("the body is empty".to_owned());
    }
    let value: Value = serde_json::from_str(text).map_err(|_| "the body is no JSON".to_owned())?;
    let Value::Object(object) = value else {
        return Err("the body is JSON, but no object".to_owned());
    };
    if !operation.lists {
        return Ok(Queues::default());
    }
    let entities = entities(&object)?;
    let total = total(&object)?;
    if total.is_none() && entities.is_none() {
        return Err("the body has neither total nor entities".to_owned());
    }
    let entities = entities.unwrap_or_default();
    let shown = u64::try_from(entities.len()).unwrap_or(u64::MAX);
    // A full page, without a total, tells nothing of those behind it.
    let is_whole = shown == 0 || shown < page(&object);
    Ok(Queues {
        // A total that is smaller than what is shown cannot be right.
        total: total
            .filter(|total| *total >= shown)
            .or_else(|| is_whole.then_some(shown)),
        first: entities.iter().find_map(first),
    })
}

fn entities(object: &Map<String, Value>) -> Result<Option<&[Value]>, String> {
    match object.get("entities") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(entities)) => Ok(Some(entities)),
        Some(_) => Err("entities is no list".to_owned()),
    }
}

/// How many entities the page could have.
fn page(object: &Map<String, Value>) -> u64 {
    let told = object.get("pageSize").and_then(Value::as_u64);
    told.unwrap_or(PAGE)
}

fn total(object: &Map<String, Value>) -> Result<Option<u64>, String> {
    let wrong = || "total is no count".to_owned();
    match object.get("total") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number
            .as_u64()
            .or_else(|| number.as_f64().and_then(whole))
            .map(Some)
            .ok_or_else(wrong),
        Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong()),
        Some(_) => Err(wrong()),
    }
}

/// A count written as a float, such as `3.0`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the guard admits only whole numbers that an f64 holds exactly"
)]
fn whole(number: f64) -> Option<u64> {
    let exact = (0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
    exact.then_some(number as u64)
}

fn first(entity: &Value) -> Option<Queue> {
    let text = |field| entity.get(field).and_then(Value::as_str);
    Some(Queue {
        id: printable(text("id")?, NAME_CAP),
        name: printable(text("name").unwrap_or_default(), NAME_CAP),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<(Option<u64>, Option<String>), String> {
        let queues = listing(body, Operation::queues())?;
        Ok((queues.total, queues.first.map(|queue| queue.name)))
    }

    #[test]
    fn counts_are_read_in_every_type_that_means_one() {
        let one = r#""entities":[{"id":"1","name":"Sales"}]"#;
        let name = Some("Sales".to_owned());
        assert_eq!(
            read(&format!(r#"{{{one},"total":7}}"#)),
            Ok((Some(7), name.clone()))
        );
        assert_eq!(
            read(&format!(r#"{{{one},"total":7.0}}"#)),
            Ok((Some(7), name.clone()))
        );
        assert_eq!(
            read(&format!(r#"{{{one},"total":"7"}}"#)),
            Ok((Some(7), name))
        );
        assert_eq!(read(r#"{"entities":null,"total":0}"#), Ok((Some(0), None)));
        assert_eq!(read(r#"{"entities":[]}"#), Ok((Some(0), None)));
        assert_eq!(
            read(r#"{"entities":[null,7],"total":2}"#),
            Ok((Some(2), None))
        );
    }

    #[test]
    fn a_full_page_without_a_total_is_no_count() {
        let page = |size: &str, shown: usize, total: &str| {
            let all = vec![r#"{"id":"1"}"#; shown].join(",");
            let body = format!(r#"{{"entities":[{all}]{size}{total}}}"#);
            read(&body).map(|(total, _)| total)
        };
        assert_eq!(page("", 1, ""), Ok(None));
        assert_eq!(page(r#","pageSize":1"#, 1, ""), Ok(None));
        assert_eq!(page(r#","pageSize":25"#, 25, ""), Ok(None));
        assert_eq!(
            page(r#","pageSize":25"#, 1, r#","total":null"#),
            Ok(Some(1))
        );
        assert_eq!(page(r#","pageSize":1"#, 0, ""), Ok(Some(0)));
        assert_eq!(page("", 0, ""), Ok(Some(0)));
        // What cannot be right is as good as nothing.
        assert_eq!(page("", 1, r#","total":0"#), Ok(None));
        assert_eq!(page("", 2, r#","total":1"#), Ok(None));
    }

    #[test]
    fn what_the_operation_does_not_answer_is_said() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"total":-1}"#,
            r#"{"total":1.5}"#,
            r#"{"total":{}}"#,
            r#"{"entities":"x"}"#,
            r#"{"entities":{},"total":1}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: String, total: f64) {
            drop(read(&body));
            drop(read(&format!(r#"{{"total":{total}}}"#)));
        }
    }
}
