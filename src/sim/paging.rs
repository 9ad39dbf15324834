//! Pages of a listing, with the platform's links between them.

use serde_json::{Map, Value, json};

use super::answer::Failure;

/// The query of a request, decoded, in its order.
pub(super) type Query = Vec<(String, String)>;

const DEFAULT_PAGE_SIZE: usize = 25;
/// The largest page is not documented in our sources; this only bounds the work.
const MAX_PAGE_SIZE: usize = 500;

/// The first value of a query parameter.
pub(super) fn value<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// All values of a query parameter: repeated, or separated by commas.
pub(super) fn values<'a>(query: &'a Query, name: &str) -> Vec<&'a str> {
    let given = query.iter().filter(|(key, _)| key == name);
    given
        .flat_map(|(_, value)| value.split(','))
        .filter(|value| !value.is_empty())
        .collect()
}

/// Cuts the asked page out of `items` and describes it.
pub(super) fn page(
    path: &str,
    query: &Query,
    items: Vec<Value>,
) -> Result<Map<String, Value>, Failure> {
    let size = number(query, "pageSize", DEFAULT_PAGE_SIZE)?.min(MAX_PAGE_SIZE);
    let number = number(query, "pageNumber", 1)?;
    let total = items.len();
    let count = total.div_ceil(size);
    let entities: Vec<Value> = items
        .into_iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .collect();
    let mut listing = Map::new();
    let mut put = |name: &str, value: Value| listing.insert(name.to_owned(), value);
    put("entities", Value::Array(entities));
    put("pageSize", json!(size));
    put("pageNumber", json!(number));
    put("total", json!(total));
    put("pageCount", json!(count));
    put("firstUri", json!(uri(path, query, size, 1)));
    put("lastUri", json!(uri(path, query, size, count.max(1))));
    put("selfUri", json!(uri(path, query, size, number)));
    if number < count {
        put("nextUri", json!(uri(path, query, size, number + 1)));
    }
    if number > 1 {
        put("previousUri", json!(uri(path, query, size, number - 1)));
    }
    Ok(listing)
}

fn number(query: &Query, name: &str, default: usize) -> Result<usize, Failure> {
    let Some(text) = value(query, name) else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| {
            let message = format!("The value of query parameter {name} is not a positive number.");
            Failure::new(400, "invalid.query.param.value", message)
        })
}

fn uri(path: &str, query: &Query, size: usize, number: usize) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded
        .append_pair("pageSize", &size.to_string())
        .append_pair("pageNumber", &number.to_string());
    for (name, value) in query
        .iter()
        .filter(|(name, _)| name != "pageSize" && name != "pageNumber")
    {
        encoded.append_pair(name, value);
    }
    format!("{path}?{}", encoded.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn items(count: usize) -> Vec<Value> {
        (0..count).map(|item| json!(item)).collect()
    }

    #[test]
    fn a_middle_page_links_both_ways_and_keeps_filters() {
        let asked = query(&[("pageSize", "5"), ("name", "a b*"), ("pageNumber", "2")]);
        let listing = page("/q", &asked, items(12)).unwrap();
        assert_eq!(listing["entities"], json!([5, 6, 7, 8, 9]));
        assert_eq!(listing["pageCount"], 3);
        assert_eq!(listing["firstUri"], "/q?pageSize=5&pageNumber=1&name=a+b*");
        assert_eq!(
            listing["previousUri"],
            "/q?pageSize=5&pageNumber=1&name=a+b*"
        );
        assert_eq!(listing["selfUri"], "/q?pageSize=5&pageNumber=2&name=a+b*");
        assert_eq!(listing["nextUri"], "/q?pageSize=5&pageNumber=3&name=a+b*");
        assert_eq!(listing["lastUri"], "/q?pageSize=5&pageNumber=3&name=a+b*");
    }

    #[test]
    fn an_empty_listing_has_no_neighbours() {
        let listing = page("/q", &query(&[]), Vec::new()).unwrap();
        assert_eq!(listing["total"], 0);
        assert!(!listing.contains_key("nextUri") && !listing.contains_key("previousUri"));
    }

    #[test]
    fn numbers_must_be_positive() {
        for wrong in ["0", "-1", "x", ""] {
            let failure = page("/q", &query(&[("pageSize", wrong)]), Vec::new()).unwrap_err();
            assert_eq!(
                (failure.status, failure.code.as_str()),
                (400, "invalid.query.param.value")
            );
        }
    }

    proptest! {
        #[test]
        fn following_next_shows_everything_once(total in 0..60_usize, size in 1..20_usize) {
            let mut seen = Vec::new();
            let mut asked = query(&[("pageSize", &size.to_string())]);
            loop {
                let listing = page("/q", &asked, items(total)).unwrap();
                seen.extend(listing["entities"].as_array().unwrap().clone());
                let Some(next) = listing.get("nextUri").and_then(Value::as_str) else { break };
                let (_, text) = next.split_once('?').unwrap();
                asked = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            }
            prop_assert_eq!(seen, items(total));
        }
    }
}
