//! Text that can be pasted into a shell or a Terraform file without becoming anything else.

/// Longest id that is taken for one.
const LONGEST_ID: usize = 64;

/// The id, if it is one: letters, digits and hyphens, as a GUID has them; else `placeholder`.
pub(super) fn id<'a>(id: Option<&'a str>, placeholder: &'a str) -> &'a str {
    id.filter(|id| is_id(id)).unwrap_or(placeholder)
}

/// Whether no shell and no Terraform file could read the text as anything but one word.
pub(super) fn is_id(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    begins && text.len() <= LONGEST_ID && text.bytes().all(harmless)
}

/// A permission with three plain parts; none for anything else, wildcards included.
pub(super) fn parts(permission: &str) -> Option<(&str, &str, &str)> {
    let mut parts = permission.split(':');
    let (domain, entity, action) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str| {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(harmless)
    };
    let all = [domain, entity, action].into_iter().all(plain);
    (all && parts.next().is_none()).then_some((domain, entity, action))
}

/// The text as one word of a POSIX shell.
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", on_one_line(text).replace('\'', r"'\''"))
}

/// The text as a string of Terraform, in which nothing is a template.
pub(super) fn terraform(text: &str) -> String {
    let escaped = on_one_line(text)
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace("${", "$${")
        .replace("%{", "%%{");
    format!("\"{escaped}\"")
}

fn on_one_line(text: &str) -> String {
    crate::evidence::printable(text, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_an_id_is_one() {
        let guid = "0b5d3a4e-1f2a-4c3b-9d8e-7f6a5b4c3d2e";
        assert_eq!(id(Some(guid), "<roleId>"), guid);
        assert_eq!(id(Some("demo-client"), "<clientId>"), "demo-client");
        for nasty in [
            "",
            "-p",
            "--profile",
            "*",
            "a b",
            "a;b",
            "$(id)",
            "`id`",
            "a'b",
            "a\"b",
            "a\nb",
            "<a>",
            "ä",
            &"a".repeat(65),
        ] {
            assert_eq!(id(Some(nasty), "<roleId>"), "<roleId>", "{nasty}");
        }
        assert_eq!(id(None, "<roleId>"), "<roleId>");
    }

    #[test]
    fn names_stay_one_word() {
        assert_eq!(shell("Sales"), "'Sales'");
        assert_eq!(shell("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(shell("a\n$(b)"), "'a $(b)'");
        assert_eq!(terraform(r#"a"\${b}%{c}"#), r#""a\"\\$${b}%%{c}""#);
        assert_eq!(terraform("a\nb"), "\"a b\"");
    }

    #[test]
    fn a_wildcard_is_no_permission_to_grant() {
        assert_eq!(
            parts("routing:queue:view"),
            Some(("routing", "queue", "view"))
        );
        for other in [
            "routing:queue:*",
            "routing:*:view",
            "a:b",
            "a:b:c:d",
            "a:b:c'",
            "a::c",
        ] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
