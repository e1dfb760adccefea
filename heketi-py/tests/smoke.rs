//! The module, built by the same profile, in a plain Python without anything installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The module that cargo built for this test: it lies beside the test program.
fn built() -> PathBuf {
    let program = env::current_exe().unwrap();
    program.parent().unwrap().join("libheketi.so")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&source, &target);
        } else if source.extension().is_some_and(|extension| extension == "py") {
            fs::copy(source, target).unwrap();
        }
    }
}

#[test]
fn the_module_works_in_a_plain_python() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    let package = directory.path().join("heketi");
    copy(&home.join("python/heketi"), &package);
    fs::copy(built(), package.join("_heketi.abi3.so")).unwrap();
    fs::copy(home.join("tests/smoke.py"), directory.path().join("smoke.py")).unwrap();
    let ran = Command::new("timeout")
        .args(["120", "python3", "-B", "-W", "error", "-m", "unittest", "smoke"])
        .current_dir(directory.path())
        .env("PYTHONPATH", directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stdout));
    assert!(told.contains("Ran ") && told.contains("\nOK"), "{told}");
}
