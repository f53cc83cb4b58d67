//! Compiles the runtime (`runtime/image`) into the static library that every program is linked with, so that an
//! installed ferrogo needs no Rust on the user's machine.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let manifest_dir = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = manifest_dir.join("../..");
    let image = root.join("runtime/image");
    for dir in [
        "runtime/os",
        "runtime/crypto",
        "runtime/sync",
        "runtime/heap",
        "runtime/gc",
        "runtime/sched",
        "runtime/chan",
        "runtime/netpoll",
        "runtime/runtime",
        "runtime/image",
        "common/abi",
    ] {
        for part in ["src", "Cargo.toml"] {
            println!(
                "cargo::rerun-if-changed={}",
                root.join(dir).join(part).display()
            );
        }
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    let target_dir = out.join("runtime-target");
    let target = "x86_64-unknown-linux-gnu";
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The library is built the same way whatever builds us: no flags or wrappers of the outer build.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CLIPPY_ARGS",
    ] {
        cargo.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_CFG_")
        {
            cargo.env_remove(name);
        }
    }
    cargo
        .args(["build", "--release", "--target", target, "--manifest-path"])
        .arg(image.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", "-C relocation-model=static -C force-frame-pointers=yes -C target-cpu=x86-64-v2 -C debuginfo=0");
    let status = cargo
        .status()
        .unwrap_or_else(|e| panic!("cannot run cargo for the runtime: {e}"));
    assert!(status.success(), "building the runtime failed");
    let library = find(&target_dir.join(target).join("release"));
    std::fs::copy(&library, out.join("libruntime.a")).expect("the runtime library can be copied");
}

fn find(dir: &Path) -> PathBuf {
    std::fs::read_dir(dir)
        .expect("cargo made the directory")
        .filter_map(|e| Some(e.ok()?.path()))
        .find(|p| p.extension().is_some_and(|e| e == "a"))
        .expect("runtime/image is a static library")
}
