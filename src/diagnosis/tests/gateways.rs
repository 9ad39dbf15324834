//! Answers that the platform may not have made, or that nobody should have.

use super::*;

#[test]
fn the_platform_is_not_accused_of_what_a_gateway_may_have_answered() {
    let squid: &[(&str, &str)] = &[("server", "squid/6.6"), ("x-squid-error", "ERR_DNS_FAIL 0")];
    let cloudflare: &[(&str, &str)] = &[("server", "cloudflare"), ("cf-ray", "1")];
    let nginx: &[(&str, &str)] = &[("server", "nginx")];
    let page = "<html>502 Bad Gateway";
    for (status, headers, body, says) in [
        (503, squid, "", "an edge or proxy (server: squid/6.6)"),
        (429, cloudflare, "error code: 1015", "(server: cloudflare)"),
        (502, nginx, page, "the body is an HTML page"),
        (504, nginx, "", "the answer carries no sign of the platform"),
        (408, nginx, "", "the answer carries no sign of the platform"),
        (407, nginx, "", "a proxy on the way asks for a user name"),
        (400, squid, "", "an edge or proxy (server: squid/6.6)"),
        (511, nginx, page, "a portal on the way asks to log in"),
    ] {
        let told = diagnose(&evidence(machine(), status, headers, body, 3_600));
        let summary = &told.summary;
        assert_eq!(told.confidence, Confidence::Likely, "{status}: {summary}");
        assert!(summary.contains(says), "{status}: {summary}");
        let shares = summary.contains(", or a gateway before it does");
        assert!(shares, "{status}: {summary}");
    }
    let code = api("service.unavailable", "Service Unavailable");
    for (status, headers, body) in [(503, API, ""), (429, API, "{}"), (503, nginx, &*code)] {
        let told = diagnose(&evidence(machine(), status, headers, body, 3_600));
        assert_eq!(told.confidence, Confidence::Proven, "{status}");
        assert!(!told.summary.contains("gateway"), "{}", told.summary);
    }
}

#[test]
fn a_status_that_does_not_exist_is_called_no_success() {
    for status in [101, 600, 999] {
        let body = r#"{"entities":[],"total":3}"#;
        let summary = diagnose(&evidence(machine(), status, API, body, 3_600)).summary;
        let says = format!("{status} is no status that HTTP defines");
        assert!(summary.contains(&says), "{summary}");
        assert!(!summary.to_lowercase().contains("success"), "{summary}");
    }
}
