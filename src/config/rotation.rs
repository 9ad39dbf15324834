//! Secrets that are replaced while why403 runs: the new one takes the place of the old one in its
//! file, whole or not at all.
//!
//! No other secret is ever written by why403.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// Puts `secret` into the place of what the file at `path` holds; only its owner can read it.
///
/// Whoever reads the file sees the old secret or the new one, and so does whoever comes after a
/// crash: the new one is on the disk before it gets the name. A link stays one, and the file that
/// it leads to is replaced.
///
/// # Errors
/// What the operating system says; then the file is as it was.
pub fn replace_secret_file(path: &Path, secret: &SecretString) -> io::Result<()> {
    let path = behind_links(path)?;
    let mut draft = Draft::create(&path)?;
    draft.file.write_all(secret.expose_secret().as_bytes())?;
    draft.file.sync_all()?;
    draft.publish(&path)
}

/// Tries whether [`replace_secret_file`] could make a file there, and leaves nothing behind.
pub(super) fn can_be_replaced(path: &Path) -> io::Result<()> {
    Draft::create(&behind_links(path)?).map(drop)
}

/// The file that `path` leads to; `path` itself where there is none.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        found => found,
    }
}

/// A new file beside the one that it is to replace; removed unless it does.
struct Draft {
    path: PathBuf,
    file: File,
    published: bool,
}

impl Draft {
    fn create(beside: &Path) -> io::Result<Self> {
        let name = format!(".why403-{:016x}", fastrand::u64(..));
        let path = directory(beside).join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        Ok(Self {
            file: options.open(&path)?,
            path,
            published: false,
        })
    }

    fn publish(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.published = true;
        sync_directory(directory(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Whoever made it impossible to remove will find it.
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().unwrap_or(Path::new(""));
    if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    }
}

/// Makes the new name outlive a crash, where the file system can.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(directory)?.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_secret_is_there_alone_and_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace_secret_file(&path, &SecretString::from("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(names(directory.path()), ["token"]);
        fs::remove_file(&path).unwrap();
        replace_secret_file(&path, &SecretString::from("newer")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
    }

    #[test]
    fn a_link_goes_on_leading_to_the_file() {
        let [links, files] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (link, path) = (links.path().join("link"), files.path().join("token"));
        fs::write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        replace_secret_file(&link, &SecretString::from("new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(links.path()), ["link"]);
    }

    #[test]
    fn what_cannot_be_replaced_stays_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file, whoever asks for it.
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        replace_secret_file(&path, &SecretString::from("new")).unwrap_err();
        assert_eq!(names(directory.path()), ["taken"]);
        // Links that lead in a circle are no file that is missing.
        let circle = directory.path().join("circle");
        symlink("circle", &circle).unwrap();
        replace_secret_file(&circle, &SecretString::from("new")).unwrap_err();
        assert!(fs::symlink_metadata(&circle).unwrap().is_symlink());
        fs::remove_file(&circle).unwrap();
        let nowhere = directory.path().join("none/token");
        assert!(can_be_replaced(&nowhere).is_err());
        assert!(can_be_replaced(&directory.path().join("token")).is_ok());
        assert_eq!(names(directory.path()), ["taken"]);
    }

    #[test]
    fn a_reader_never_sees_a_part() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let secrets = ["a", "b"].map(|letter| letter.repeat(60_000));
        fs::write(&path, &secrets[0]).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..50 {
                    let secret = SecretString::from(secrets[round % 2].as_str());
                    replace_secret_file(&path, &secret).unwrap();
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                let seen = fs::read_to_string(&path).unwrap();
                assert!(secrets.contains(&seen), "{} bytes", seen.len());
            }
        });
    }
}
