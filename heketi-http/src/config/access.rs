//! Who may reach the server, as the configuration decides it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ConfigError;
use super::types::{AuthMode, Config};

impl Config {
    /// Must clients prove who they are? With what the operator should know about the answer.
    ///
    /// Authentication is off only when that is beyond doubt: with `disable_auth` (the command-line flag), or
    /// when `use_auth` is false and there is neither a `jwt` object nor a key in the environment. heketi
    /// v10 ignores `use_auth`, and its sample files carry `false` beside real keys.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] when a key is missing.
    pub fn auth_mode(&self, disable_auth: bool) -> Result<(AuthMode, Vec<String>), ConfigError> {
        let any_key = !self.keys.admin.is_empty() || !self.keys.user.is_empty();
        let keyless = !self.use_auth && !self.has_jwt && !any_key;
        if disable_auth || keyless {
            let cause = if disable_auth { "--disable-auth" } else { "use_auth false and no keys" };
            let mut warnings = vec![format!("Heketi started with {cause}: whoever reaches it may do everything")];
            if self.bind_address.is_none() {
                warnings.push("listening on 127.0.0.1 only; set bind_address to be reached from elsewhere".to_owned());
            }
            return Ok((AuthMode::Off, warnings));
        }
        if self.keys.admin.is_empty() || self.keys.user.is_empty() {
            let text = "Missing JWT information in config file: set jwt.admin.key and jwt.user.key, \
                        or HEKETI_ADMIN_KEY and HEKETI_USER_KEY";
            return Err(ConfigError::Missing(text.to_owned()));
        }
        let mut warnings = Vec::new();
        if !self.use_auth {
            let text = "use_auth is false but there are keys, so authentication stays on; \
                        start with --disable-auth to turn it off";
            warnings.push(text.to_owned());
        }
        Ok((AuthMode::On(self.keys.clone()), warnings))
    }

    /// The address to listen on.
    pub fn listen_address(&self, auth: &AuthMode) -> IpAddr {
        let usual = match auth {
            AuthMode::On(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            AuthMode::Off => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        self.bind_address.unwrap_or(usual)
    }
}
