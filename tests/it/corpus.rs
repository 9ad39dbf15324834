//! What fuzzers found stays: every input that is kept is tried again, by the functions that the
//! fuzzers run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::fuzzed::{TARGETS, Target};

/// Most files of a target, and most bytes of all of them: the tree is no archive.
const MOST_FILES: usize = 250;
const MOST_BYTES: usize = 256 * 1024;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs that are kept for a target, in order.
fn kept(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(name);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

fn replay((name, check): Target) {
    let inputs = kept(name);
    assert!(!inputs.is_empty(), "fuzz/corpus/{name} is missing or empty");
    assert!(inputs.len() <= MOST_FILES, "{name}: {} files", inputs.len());
    let bytes: usize = inputs.iter().map(|(_, input)| input.len()).sum();
    assert!(bytes <= MOST_BYTES, "{name}: {bytes} bytes");
    for (file, input) in inputs {
        // The message of what did not hold stands above this one.
        let held = catch_unwind(AssertUnwindSafe(|| check(&input)));
        assert!(held.is_ok(), "fuzz/corpus/{name}/{file}");
    }
}

/// A test per target, so that they run beside each other.
macro_rules! replayed {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let target = TARGETS.iter().find(|(own, _)| *own == name);
                replay(*target.unwrap());
            }
        )*

        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replayed! {
    answer config environment error_body evidence files headers records request token_answer words
}

#[test]
fn every_target_is_replayed_and_is_a_program_of_its_own() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, REPLAYED);
    let listed = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(fuzz().join(folder)).unwrap();
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| name(entry.unwrap().path())).collect()
    };
    let expected: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed("corpus"), expected);
    assert_eq!(listed("fuzz_targets"), expected);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in names {
        let program = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&program), "{name}");
        let path = fuzz().join(format!("fuzz_targets/{name}.rs"));
        let source = std::fs::read_to_string(path).unwrap();
        let body = format!("|data: &[u8]| why403_fuzz::fuzzed::{name}::check(data)");
        let expected = format!("#![no_main]\n\nlibfuzzer_sys::fuzz_target!({body});\n");
        assert_eq!(source, expected);
    }
}

/// A target that accepted everything would find nothing.
#[test]
fn a_target_can_fail() {
    let check: fn(&[u8]) = |input| assert_ne!(input, b"bad");
    let held = |input: &[u8]| catch_unwind(|| check(input)).is_ok();
    assert!(held(b"good") && !held(b"bad"));
    let empty = catch_unwind(|| replay(("no-such-target", check)));
    let message = empty.unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert_eq!(message, "fuzz/corpus/no-such-target is missing or empty");
}
