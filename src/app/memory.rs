//! Memory: whether what is configured fits into what the container may use.
//!
//! The kernel ends a process that wants more without a word, and an orchestrator starts it again,
//! for ever; so what cannot fit is refused before anything begins.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;

const MIB: u64 = 1024 * 1024;

/// What the process needs without any target.
const PROCESS: u64 = 12 * MIB;

/// What one operation of a target needs, with its results, one episode of trouble, the pages with
/// which a firewall refuses all its calls, and while `/diagnose` shows all of them to somebody: as
/// measured with 950, 1,300 and 1,900 in a group of 64 MiB, of which the first went on. Of those
/// that fail often some need more: see [`crate::timeline`].
const PER_OPERATION: u64 = (24 + 8 + 24) * 1024;

/// Whether the targets fit.
///
/// # Errors
/// About how much memory they need, what there is, and what to do.
pub fn suffices(config: &Config) -> Result<(), String> {
    match limit(Path::new("/")) {
        Some(limit) => suffices_with(config.targets.iter().map(|it| it.operations.len()), limit),
        None => Ok(()),
    }
}

/// The same for the operations of each target and a limit in bytes.
fn suffices_with(operations: impl Iterator<Item = usize>, limit: u64) -> Result<(), String> {
    let operations = operations.fold(0_usize, usize::saturating_add);
    let operations = u64::try_from(operations).unwrap_or(u64::MAX);
    let needed = operations
        .saturating_mul(PER_OPERATION)
        .saturating_add(PROCESS);
    if needed <= limit {
        return Ok(());
    }
    Err(format!(
        "the targets need about {} MiB of memory for their {operations} operations, but the limit of \
         this container is {} MiB; raise it (resources.limits.memory of Kubernetes, MemoryMax= of systemd) \
         or let several why403 share the targets",
        needed.div_ceil(MIB),
        limit / MIB
    ))
}

/// The least memory in bytes that a control group of this process is limited to, if one is; `root`
/// is where the file system begins.
///
/// The path of the group is as the host sees it or as the container does, and what is mounted may be
/// the whole tree or the container's part of it: whatever there is of the way down counts. See
/// cgroups(7) and the kernel's `cgroup-v2.rst` and `cgroup-v1/memory.rst`.
fn limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let files = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (mounted, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = Path::new(path.trim_start_matches('/'));
        let ancestors = group
            .ancestors()
            .map(move |it| Path::new(mounted).join(it).join(file));
        Some(ancestors.collect::<Vec<PathBuf>>())
    });
    let read = |file: PathBuf| {
        fs::read_to_string(root.join(file))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    files.flatten().filter_map(read).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    fn limit_of(files: &[(&str, &str)]) -> Option<u64> {
        limit(root(files).path())
    }

    #[test]
    fn the_least_limit_on_the_way_down_is_the_one_that_holds() {
        let group = ("proc/self/cgroup", "0::/pods.slice/pod1/c1\n");
        assert_eq!(
            limit_of(&[
                group,
                ("sys/fs/cgroup/pods.slice/memory.max", "max\n"),
                ("sys/fs/cgroup/pods.slice/pod1/memory.max", "67108864\n"),
                ("sys/fs/cgroup/pods.slice/pod1/c1/memory.max", "134217728\n"),
            ]),
            Some(64 * MIB)
        );
        // As it looks within a container, with a view of its own or without.
        let own = ("sys/fs/cgroup/memory.max", "33554432\n");
        assert_eq!(
            limit_of(&[("proc/self/cgroup", "0::/\n"), own]),
            Some(32 * MIB)
        );
        assert_eq!(limit_of(&[group, own]), Some(32 * MIB));
    }

    #[test]
    fn the_first_version_of_control_groups_is_known() {
        let groups = "9:name=systemd:/x\n5:cpu,memory:/docker/c1\n0::/\n";
        let file = "sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes";
        let limited = [("proc/self/cgroup", groups), (file, "50331648\n")];
        assert_eq!(limit_of(&limited), Some(48 * MIB));
    }

    #[test]
    fn without_a_limit_everything_fits() {
        assert_eq!(limit_of(&[]), None);
        let unlimited = [
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
        ];
        assert_eq!(limit_of(&unlimited), None);
        let garbage = [("proc/self/cgroup", "none\n0:\n0::/../..\n\n")];
        assert_eq!(limit_of(&garbage), None);
    }

    #[test]
    fn what_cannot_fit_is_told_with_both_sizes() {
        assert_eq!(suffices_with([1, 2].into_iter(), 16 * MIB), Ok(()));
        let why = suffices_with([1].into_iter().cycle().take(10_000), 64 * MIB).unwrap_err();
        for part in ["10000 operations", "about 559 MiB", "is 64 MiB"] {
            assert!(why.contains(part), "lacks {part}: {why}");
        }
        assert!(suffices_with([usize::MAX].into_iter(), 64 * MIB).is_err());
    }
}
