//! Environment variables and flags, through everything that is checked of a configuration.
//!
//! Each line is `NAME=value`, or `--key=value` for a flag; `{secret}` stands for a secret in the
//! variables that hold one, and `{dir}` for a directory with a secret in the file `secret`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use why403::config::{Environment, Sources};

use super::config::{in_directory, loaded};
use super::{CANARY, SECRET_MARK};

/// The variables whose values are secrets.
const SECRETS: &[&[u8]] = &[
    b"GENESYS_CLOUD_CLIENT_SECRET",
    b"GENESYSCLOUD_OAUTHCLIENT_SECRET",
    b"GENESYSCLOUD_ACCESS_TOKEN",
];

/// Where a file would be named that is none of this test's.
const FILES: &[&str] = &["WHY403_CONFIG", "HOME"];

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    in_directory(|directory| {
        let place = directory.to_string_lossy();
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        let mut overrides = Vec::new();
        for line in data.split(|byte| *byte == b'\n' || *byte == 0) {
            let Some(at) = line.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let (name, value) = (&line[..at], &line[at + 1..]);
            let value = match std::str::from_utf8(value) {
                Ok(value) if SECRETS.contains(&name) => {
                    value.replace(SECRET_MARK, CANARY).into_bytes()
                }
                Ok(value) => value.replace("{dir}", &place).into_bytes(),
                Err(_) => value.to_vec(),
            };
            if let Some(key) = name.strip_prefix(b"--") {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                overrides.push((text(key), text(&value)));
            } else {
                variables.push((OsString::from_vec(name.to_vec()), OsString::from_vec(value)));
            }
        }
        variables.retain(|(name, _)| !FILES.iter().any(|other| name == other));
        variables.push(("HOME".into(), directory.as_os_str().to_owned()));
        loaded(&Sources {
            environment: Environment::from_os_pairs(variables),
            overrides,
            ..Sources::default()
        });
    });
}
