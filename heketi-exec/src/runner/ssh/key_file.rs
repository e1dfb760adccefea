//! Reads the private key. Nothing from inside the file gets into a message.

use std::io::ErrorKind;
use std::path::Path;

use heketi_core::model::Secret;
use russh::keys::{Algorithm, Error, PrivateKey, PublicKey, decode_secret_key};

use super::config::SetupError;

/// No private key is longer than this; a larger file is something else.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// The key in `file`.
///
/// # Errors
/// The variants of [`SetupError`] that speak of key files.
pub(super) fn read(file: &Path, passphrase: &Secret) -> Result<PrivateKey, SetupError> {
    let (text, about) = text(file)?;
    warn_if_open(file, &about);
    decode(file, &text, passphrase)
}

/// The public key in `file`, one line as `ssh-keygen` writes it.
///
/// # Errors
/// The variants of [`SetupError`] that speak of key files.
pub(super) fn read_public(file: &Path) -> Result<PublicKey, SetupError> {
    let (text, _) = text(file)?;
    text.trim().parse().map_err(|_| SetupError::KeyFileNotPublic(file.to_owned()))
}

fn text(file: &Path) -> Result<(String, std::fs::Metadata), SetupError> {
    let unreadable = |reason: std::io::Error| match reason.kind() {
        ErrorKind::NotFound => SetupError::KeyFileMissing(file.to_owned()),
        _ => SetupError::KeyFileUnreadable { file: file.to_owned(), reason },
    };
    let about = std::fs::metadata(file).map_err(unreadable)?;
    if about.len() > SIZE_LIMIT {
        return Err(SetupError::KeyFileInvalid(file.to_owned()));
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| SetupError::KeyFileInvalid(file.to_owned()))?;
    Ok((text, about))
}

fn decode(file: &Path, text: &str, passphrase: &Secret) -> Result<PrivateKey, SetupError> {
    let given = Some(passphrase.expose()).filter(|text| !text.is_empty());
    let locked = || match given {
        None => SetupError::KeyFileEncrypted(file.to_owned()),
        Some(_) => SetupError::WrongPassphrase(file.to_owned()),
    };
    // PEM says it in a header (`Proc-Type: 4,ENCRYPTED`) or in its first line.
    let says_so = text.lines().any(|line| line.contains("ENCRYPTED"));
    if says_so && given.is_none() {
        return Err(locked());
    }
    let is_public = |line: &str| line.starts_with("ssh-") || line.starts_with("ecdsa-sha2-");
    if text.lines().next().is_some_and(is_public) || text.contains("BEGIN SSH2 PUBLIC KEY") {
        return Err(SetupError::KeyFilePublic(file.to_owned()));
    }
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    // Only then does an error tell that the passphrase is wrong, and not the file.
    let is_locked = says_so || matches!(decode_secret_key(&text, None), Err(Error::KeyIsEncrypted));
    match decode_secret_key(&text, given) {
        Ok(key) if key.is_encrypted() => Err(locked()),
        Ok(key) if is_supported(&key.algorithm()) => Ok(key),
        Err(_) if is_locked && text.contains("BEGIN EC PRIVATE KEY") => {
            Err(SetupError::KeyFileLockedAsOldPem(file.to_owned()))
        }
        Err(_) if is_locked => Err(locked()),
        _ => Err(SetupError::KeyFileInvalid(file.to_owned())),
    }
}

fn is_supported(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. })
}

#[cfg(unix)]
fn warn_if_open(file: &Path, about: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            "SSH private key file {} can be read by other users (mode {mode:o}): chmod 600 it",
            file.display()
        );
    }
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path, _: &std::fs::Metadata) {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::LineEnding;
    use russh::keys::{EcdsaCurve, encode_pkcs8_pem, encode_pkcs8_pem_encrypted};

    use super::read as read_file;
    use super::*;

    fn read(file: &Path) -> Result<PrivateKey, SetupError> {
        read_file(file, &Secret::default())
    }

    /// A file with this text, and the directory it lives in.
    fn file_with(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, text).unwrap();
        (dir, file)
    }

    fn random(algorithm: Algorithm) -> PrivateKey {
        PrivateKey::random(&mut safe_rng(), algorithm).unwrap()
    }

    fn openssh(key: &PrivateKey) -> String {
        key.to_openssh(LineEnding::LF).unwrap().to_string()
    }

    #[test]
    fn openssh_and_pkcs8_forms_are_read() {
        let p256 = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        for algorithm in [Algorithm::Ed25519, p256] {
            let key = random(algorithm);
            let mut pkcs8 = Vec::new();
            encode_pkcs8_pem(&key, &mut pkcs8).unwrap();
            let windows = openssh(&key).replace('\n', "\r\n");
            for text in [openssh(&key).into_bytes(), pkcs8, windows.into_bytes()] {
                let (_dir, file) = file_with(text);
                let read = read(&file).unwrap();
                assert_eq!(read.public_key().key_data(), key.public_key().key_data());
            }
        }
    }

    /// What ssh-keygen itself writes, where it is installed. On a CI machine it must be.
    #[test]
    fn every_form_ssh_keygen_writes_is_read() {
        for (passphrase, arguments) in [
            ("", &["-t", "ed25519"][..]),
            ("", &["-t", "ecdsa", "-b", "384", "-m", "PEM"]),
            ("", &["-t", "ecdsa", "-b", "521", "-m", "PKCS8"]),
            ("", &["-t", "rsa", "-b", "2048"]),
            ("", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
            ("", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
            ("secret", &["-t", "ecdsa", "-m", "PEM"]),
            ("secret", &["-t", "ecdsa", "-m", "PKCS8"]),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("key");
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-N", passphrase, "-f"]).arg(&file).args(arguments);
            let Ok(made) = keygen.status() else {
                assert!(std::env::var_os("CI").is_none(), "install openssh-client");
                eprintln!("NOT TESTED: ssh-keygen is missing; install openssh-client");
                return;
            };
            assert!(made.success());
            match (passphrase, read(&file)) {
                ("", Ok(key)) => {
                    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
                    let public: russh::keys::PublicKey = public.trim().parse().unwrap();
                    assert_eq!(key.public_key().key_data(), public.key_data());
                }
                ("secret", Err(SetupError::KeyFileEncrypted(_))) => {}
                (_, result) => panic!("{passphrase:?} {arguments:?}: {:?}", result.err()),
            }
        }
    }

    #[test]
    fn keys_with_a_passphrase_are_told_apart() {
        let key = random(Algorithm::Ed25519);
        let locked = key.encrypt(&mut safe_rng(), "secret").unwrap();
        let mut pkcs8 = Vec::new();
        encode_pkcs8_pem_encrypted(&key, b"secret", 10, &mut pkcs8).unwrap();
        for text in [openssh(&locked).into_bytes(), pkcs8] {
            let (_dir, file) = file_with(text);
            let error = read(&file).unwrap_err();
            assert!(matches!(error, SetupError::KeyFileEncrypted(_)), "{error}");
            assert!(error.to_string().contains("passphrase"));
            assert!(error.to_string().contains(file.to_str().unwrap()));
            let opened = read_file(&file, &Secret::new("secret")).unwrap();
            assert_eq!(opened.public_key().key_data(), key.public_key().key_data());
            let wrong = read_file(&file, &Secret::new("sEcret")).unwrap_err();
            assert!(matches!(wrong, SetupError::WrongPassphrase(_)), "{wrong}");
            assert!(!wrong.to_string().contains("sEcret"));
        }
        let (_dir, plain) = file_with(openssh(&key));
        read_file(&plain, &Secret::new("not needed")).unwrap();
    }

    #[test]
    fn what_is_no_private_key_is_told_apart() {
        let key = random(Algorithm::Ed25519);
        let (_dir, file) = file_with(key.public_key().to_openssh().unwrap());
        let public = read(&file).unwrap_err();
        assert!(matches!(public, SetupError::KeyFilePublic(_)), "{public}");

        let missing = read(&file.with_extension("gone")).unwrap_err();
        assert!(matches!(missing, SetupError::KeyFileMissing(_)), "{missing}");
        assert!(missing.to_string().contains("does not exist"));

        let directory = read(file.parent().unwrap()).unwrap_err();
        let unreadable = matches!(directory, SetupError::KeyFileUnreadable { .. });
        assert!(unreadable, "{directory}");

        let whole = openssh(&key);
        let damaged = whole.replacen('A', "B", 5);
        let half = whole[..whole.len() / 2].to_owned();
        for text in [b"".to_vec(), b"hello\n".to_vec(), damaged.into(), half.into(), vec![0xff, 0xfe]] {
            std::fs::write(&file, text).unwrap();
            let error = read(&file).unwrap_err();
            assert!(matches!(error, SetupError::KeyFileInvalid(_)), "{error}");
            let secret = whole.lines().nth(2).unwrap();
            assert!(!format!("{error:?} {error}").contains(&secret[..8]), "{error:?}");
        }
    }
}
