//! `go clean` for caches.

use crate::env::Env;
use crate::error::{Error, Result};
use std::path::PathBuf;

/// `clean -modcache`: removes the module cache.
pub fn modcache(env: &Env) -> Result<()> {
    let dir = env.modcache()?;
    env.system
        .remove_tree(&dir)
        .map_err(|error| Error::io("remove", &dir, &error))
}

/// `clean -cache`: removes the subdirectories of ferrogo's build cache.
pub fn build_cache(env: &Env, dir: &std::path::Path) -> Result<()> {
    let Ok(entries) = env.system.read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let path: PathBuf = dir.join(entry.name);
        env.system
            .remove_tree(&path)
            .map_err(|error| Error::io("remove", &path, &error))?;
    }
    Ok(())
}
