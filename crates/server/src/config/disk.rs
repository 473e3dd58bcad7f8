//! What the file system says about the configuration: who may change the data, who can read the secrets.
//!
//! The vault looks after the key file and the store after the database, each when it opens them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use super::{Config, Rule, Unsafe};

impl Config {
    /// Everything unsafe about the places these settings name. A place that is not there yet is safe.
    pub fn check_disk(&self) -> Vec<Unsafe> {
        let mut found = Vec::new();
        if others_may(&self.data_dir, 0o002) {
            let dir = self.data_dir.display();
            found.push(Unsafe::new(
                Rule::DataDirWritable,
                format!("everyone may write to {dir}"),
                "any user of this machine could swap the keys or the database",
                format!("chmod 700 {dir}"),
            ));
        }
        if let Some(file) = self.given.file_with_secrets.as_deref().filter(|file| others_may(file, 0o006)) {
            let file = file.display();
            found.push(Unsafe::new(
                Rule::ConfigReadable,
                format!("everyone may read {file}"),
                "it holds secrets",
                format!("chmod 600 {file}, or move the secrets to the environment"),
            ));
        }
        found
    }

    /// Makes the data directory, closed to others from its first moment (SEC-099).
    pub fn make_data_dir(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir)
    }

    /// Whether others can list the data directory: no danger by itself, since every file in it is closed.
    pub fn data_dir_is_open(&self) -> bool {
        others_may(&self.data_dir, 0o005)
    }
}

fn others_may(path: &Path, bits: u32) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bits != 0)
}
