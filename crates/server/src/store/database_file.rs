//! The file of an SQLite database before SQLite sees it: one name, one process, private, on a local disk.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::fault::Fault;

/// Makes the file ours (SEC-129, SEC-130) and says its one name. The lock is held until it is dropped.
pub(super) fn claim(path: &Path) -> Result<(PathBuf, File), Fault> {
    let path = true_path(path)?;
    let lock = lock_beside(&path)?;
    private_file(&path)?;
    refuse_network(&path)?;
    refuse_orphaned_wal(&path)?;
    Ok((path, lock))
}

/// The file's one name, links resolved, so that its lock has one name too.
fn true_path(path: &Path) -> Result<PathBuf, Fault> {
    let cannot = |error| {
        let shown = path.display();
        Fault::misconfigured(format!("the folder of the database {shown} cannot be found")).because(error)
    };
    if path.exists() {
        return path.canonicalize().map_err(cannot);
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    Ok(folder.canonicalize().map_err(cannot)?.join(name))
}

/// Creates the file for its owner only. Comes after the lock and never opens a file that exists: closing it
/// would drop every lock this process holds on it (fcntl(2)), those of an SQLite connection included.
fn private_file(path: &Path) -> Result<(), Fault> {
    let shown = path.display();
    let cannot =
        |error| Fault::misconfigured(format!("the database {shown} cannot be opened")).because(error);
    if !path.exists() {
        let mut creation = OpenOptions::new();
        creation.write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    }
    if fs::metadata(path).map_err(cannot)?.mode() & 0o007 != 0 {
        return Err(Fault::misconfigured(format!(
            "everybody on this machine can open the database {shown}: run chmod 600 on it"
        )));
    }
    Ok(())
}

fn lock_beside(path: &Path) -> Result<File, Fault> {
    let name = beside(path, ".lock");
    let cannot = |error| Fault::misconfigured(format!("no lock at {}", name.display())).because(error);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
    let file = file.map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::misconfigured(format!(
            "another process uses the database {}: stop it first, or use PostgreSQL for several nodes",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// An empty file beside a log that is not: the database was lost, and opening it would lose the log too.
fn refuse_orphaned_wal(path: &Path) -> Result<(), Fault> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size(path) == 0 && size(&beside(path, "-wal")) > 0 {
        return Err(Fault::misconfigured(format!(
            "{} is empty but its write-ahead log is not: restore the database from a backup",
            path.display()
        )));
    }
    Ok(())
}

/// The log's shared memory and the locks do not hold across machines (SQLite's own advice on WAL).
fn refuse_network(path: &Path) -> Result<(), Fault> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    match file_system(&mounts, path) {
        Some(kind) if NETWORK.contains(&kind) => Err(Fault::misconfigured(format!(
            "the database {} lies on a network file system ({kind}): use a local disk or PostgreSQL",
            path.display()
        ))),
        _ => Ok(()),
    }
}

const NETWORK: [&str; 10] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "lustre", "fuse.sshfs", "fuse.glusterfs"];

/// The kind of the mount that holds `path`: the longest mount point, the last of equals (proc(5)).
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mounted = mounts.lines().filter_map(|line| {
        let (mount, device) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&point).then_some((point.len(), device.split(' ').next()?))
    });
    mounted.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_names_the_file_system() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda rw\n\
                      30 22 0:44 / /srv/my\\040data rw shared:1 - nfs4 nas:/x rw\n\
                      31 22 0:45 / /srv/my rw - tmpfs tmpfs rw\n";
        assert_eq!(file_system(mounts, Path::new("/srv/my data/a.db")), Some("nfs4"));
        assert_eq!(file_system(mounts, Path::new("/srv/other/a.db")), Some("ext4"));
    }
}
