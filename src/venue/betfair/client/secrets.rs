//! What the exchange knows us by, and where it is looked for.

use std::path::{Path, PathBuf};

use crate::config::{Betfair, Login, Secret, SecretError};

/// What the exchange knows us by.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The application's key.
    pub app_key: Secret,
    /// The user's name.
    pub username: Secret,
    /// The password.
    pub password: Secret,
    /// Files of the client's certificate and its key, where one logs in with them.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// What is missing, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// It is nowhere.
    #[error(
        "{what} is not set: name its file with betfair.{setting}, or set {variable} or {variable}_FILE"
    )]
    Secret {
        /// What.
        what: &'static str,
        /// Which setting names its file.
        setting: &'static str,
        /// Which variable holds it.
        variable: &'static str,
    },
    /// A file that is named is not there.
    #[error("{what} is not set: name its file with betfair.{setting}, or set {variable}")]
    File {
        /// What.
        what: &'static str,
        /// Which setting names it.
        setting: &'static str,
        /// Which variable does.
        variable: &'static str,
    },
    /// Its file cannot be used.
    #[error("{what}: {source}")]
    Unusable {
        /// What.
        what: &'static str,
        /// Why not.
        source: SecretError,
    },
}

impl Secrets {
    /// Looks for all of them.
    ///
    /// # Errors
    /// All that is missing or cannot be used.
    pub fn find(settings: &Betfair) -> Result<Self, Vec<Missing>> {
        let mut missing = Vec::new();
        let mut secret = |what, setting, file: &Path, variable, other| {
            let found = Secret::find(variable, file).and_then(|found| match found {
                None => Secret::find(other, Path::new("")),
                found => Ok(found),
            });
            let lacking = Missing::Secret {
                what,
                setting,
                variable,
            };
            found
                .map_err(|source| Missing::Unusable { what, source })
                .and_then(|found| found.ok_or(lacking))
                .map_err(|error| missing.push(error))
                .ok()
        };
        let app_key = secret(
            "the application key",
            "app_key_file",
            &settings.app_key_file,
            "BEA_BETFAIR_APP_KEY",
            "BETFAIR_APP_KEY",
        );
        let username = secret(
            "the user's name",
            "username_file",
            &settings.username_file,
            "BEA_BETFAIR_USERNAME",
            "BETFAIR_USERNAME",
        );
        let password = secret(
            "the password",
            "password_file",
            &settings.password_file,
            "BEA_BETFAIR_PASSWORD",
            "BETFAIR_PASSWORD",
        );
        let certificate = match settings.login {
            Login::Interactive => None,
            Login::Certificate => {
                let mut file = |what, setting, named: &Path, variable, name| {
                    let lacking = Missing::File {
                        what,
                        setting,
                        variable,
                    };
                    let found = certificate_file(named, variable, name);
                    if found.is_none() {
                        missing.push(lacking);
                    }
                    found
                };
                let certificate = file(
                    "the client's certificate",
                    "certificate_file",
                    &settings.certificate_file,
                    "BEA_BETFAIR_CERT_FILE",
                    "client-2048.crt",
                );
                let key = file(
                    "the key of the client's certificate",
                    "key_file",
                    &settings.key_file,
                    "BEA_BETFAIR_KEY_FILE",
                    "client-2048.key",
                );
                certificate.zip(key)
            }
        };
        match (app_key, username, password) {
            (Some(app_key), Some(username), Some(password)) if missing.is_empty() => Ok(Self {
                app_key,
                username,
                password,
                certificate,
            }),
            _ => Err(missing),
        }
    }
}

/// The file that is named, in the settings or the environment, or lies under its usual name in `$BETFAIR_CERTS_DIR`.
fn certificate_file(named: &Path, variable: &str, usual: &str) -> Option<PathBuf> {
    if !named.as_os_str().is_empty() {
        return Some(named.to_owned());
    }
    if let Some(file) = std::env::var_os(variable) {
        return Some(file.into());
    }
    if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let file = Path::new(&folder).join(variable);
        if file.exists() {
            return Some(file);
        }
    }
    let folder = std::env::var_os("BETFAIR_CERTS_DIR")?;
    Some(Path::new(&folder).join(usual)).filter(|file| file.exists())
}
