//! What the file system says about the configuration: who can read the keys, and what the disk really is.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{Config, Database, MasterKeys, Rule, Unsafe};

/// File systems whose locks and syncs a database cannot rely on (SEC-130, sqlite.org/howtocorrupt.html §2.1).
const NETWORK_FILESYSTEMS: [&str; 8] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "fuse.glusterfs"];

impl Config {
    /// Everything unsafe about the files these settings name. A file that is not there yet is safe.
    pub fn check_disk(&self) -> Vec<Unsafe> {
        let mut found = Vec::new();
        if others_may(&self.data_dir, 0o002) {
            found.push(Unsafe::new(
                Rule::DataDirWritable,
                format!("everyone may write to {}", self.data_dir.display()),
                "any user of this machine could swap the keys or the database",
                format!("chmod 700 {}", self.data_dir.display()),
            ));
        }
        if let MasterKeys::File(file) = &self.master_keys {
            let why = "whoever reads the master keys can unseal every secret in a copy of the database";
            found.extend(readable(Rule::KeysReadable, file, why));
        }
        if let Database::Sqlite(file) = &self.database {
            for file in [file.clone(), beside(file, "-wal")] {
                found.extend(readable(Rule::DatabaseReadable, &file, "it holds password hashes and addresses"));
            }
            found.extend(network_filesystem(file));
        }
        if let Some(file) = &self.given.file_with_secrets {
            found.extend(readable(Rule::ConfigReadable, file, "it holds secrets"));
        }
        found
    }

    /// Makes what the server will write to, closed to others from its first moment: the directory, and the
    /// database as an empty file, which SQLite takes as a new one and whose mode its `-wal` inherits.
    pub fn prepare_disk(&self) -> io::Result<()> {
        make_dir(&self.data_dir)?;
        match &self.database {
            Database::Sqlite(file) => make_file(file),
            Database::Postgres { .. } => Ok(()),
        }
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn readable(rule: Rule, file: &Path, why: &'static str) -> Option<Unsafe> {
    others_may(file, 0o006).then(|| {
        let file = file.display();
        Unsafe::new(rule, format!("everyone may read {file}"), why, format!("chmod 600 {file}"))
    })
}

#[cfg(unix)]
fn others_may(path: &Path, bits: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bits != 0)
}

#[cfg(unix)]
fn make_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn make_file(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn network_filesystem(file: &Path) -> Option<Unsafe> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let dir = file.ancestors().skip(1).find_map(|dir| {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        dir.canonicalize().ok()
    })?;
    let kind = filesystem_of(&dir, &mounts)?;
    NETWORK_FILESYSTEMS.contains(&kind).then(|| {
        Unsafe::new(
            Rule::NetworkFilesystem,
            format!("the database {} would lie on {kind}", file.display()),
            "SQLite's locks do not hold on network file systems and the file gets damaged",
            "put COUNTERSIGN_DATA_DIR on a local disk, or use COUNTERSIGN_DATABASE_URL=postgres://…",
        )
    })
}

/// The kind of file system that holds `dir`: the last mount among those with the longest path above it.
/// A line reads `id parent major:minor root MOUNT_POINT options… - KIND source options` (proc(5)).
pub(super) fn filesystem_of<'a>(dir: &Path, mountinfo: &'a str) -> Option<&'a str> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        dir.starts_with(&point).then_some((point.len(), kind.split(' ').next()?))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 21 0:35 / /srv rw,relatime - nfs4 files:/srv rw
41 40 254:2 / /srv/local\\040disk rw,relatime - ext4 /dev/vdb rw
";

    #[test]
    fn the_deepest_mount_decides() {
        let kind = |dir: &str| filesystem_of(Path::new(dir), MOUNTS);
        assert_eq!(kind("/var/lib/countersign"), Some("ext4"));
        assert_eq!(kind("/srv/countersign"), Some("nfs4"));
        assert_eq!(kind("/srv/local disk/countersign"), Some("ext4"));
        assert_eq!(kind("/srv2"), Some("ext4"));
    }
}
