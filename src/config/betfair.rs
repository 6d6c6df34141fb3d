//! How the Betfair exchange is reached: addresses, files of secrets, paces, patience; and when it is left alone.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::market::Bound;

/// What of a market the stream can be asked for.
pub const STREAM_FIELDS: [&str; 9] = [
    "EX_BEST_OFFERS_DISP",
    "EX_BEST_OFFERS",
    "EX_ALL_OFFERS",
    "EX_TRADED",
    "EX_TRADED_VOL",
    "EX_LTP",
    "EX_MARKET_DEF",
    "SP_TRADED",
    "SP_PROJECTED",
];

/// How the Betfair exchange is reached. An empty path names no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Betfair {
    /// Where one logs in with a password, stays logged in and logs out.
    pub identity_url: String,
    /// Where one logs in with a certificate.
    pub certificate_url: String,
    /// Where requests about markets, bets and money go.
    pub api_url: String,
    /// Host and port of the stream.
    pub stream_address: String,
    /// Whether the stream is under TLS; without it only on this machine.
    pub stream_tls: bool,
    /// Certificates in PEM that are trusted beside those of the system.
    pub root_certificates: PathBuf,
    /// How one logs in.
    pub login: Login,
    /// File of the application key.
    pub app_key_file: PathBuf,
    /// File of the user's name.
    pub username_file: PathBuf,
    /// File of the password.
    pub password_file: PathBuf,
    /// File of the client's certificate, in PEM.
    pub certificate_file: PathBuf,
    /// File of its key, in PEM.
    pub key_file: PathBuf,
    /// How far apart the session is kept alive.
    pub keep_alive_seconds: u32,
    /// The longest silence that the stream is asked for; two of them and the connection is given up.
    pub heartbeat_ms: u32,
    /// For how long the stream merges changes.
    pub conflate_ms: u32,
    /// What of a market the stream is asked for.
    pub fields: Vec<String>,
    /// How many levels of the best offers.
    pub ladder_levels: u32,
    /// How long a connection may take to be made.
    pub connect_timeout_seconds: u32,
    /// How long the answer to a question may take.
    pub read_timeout_seconds: u32,
    /// How long the answer to an order may take, beside the bet delay of its market.
    pub order_timeout_seconds: u32,
    /// Most orders, cancels and changes in a second; one more is refused, not delayed.
    pub max_requests_per_second: u32,
    /// Most new orders in any hour, over restarts; one more is refused, not delayed.
    pub max_transactions_per_hour: u32,
    /// How far apart the venue is asked for the funds.
    pub funds_every_seconds: u32,
    /// How far apart it is asked for all bets while some wait; ten times as far while none does.
    pub listing_every_seconds: u32,
    /// The venue is asked to cancel all unmatched bets of the account if it hears nothing for so long; 0 is never.
    pub dead_man_seconds: u32,
}

/// How one logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Login {
    /// With a client certificate and the password: for programs.
    #[default]
    Certificate,
    /// With the password alone.
    Interactive,
}

impl Default for Betfair {
    fn default() -> Self {
        let fields = [
            "EX_BEST_OFFERS",
            "EX_TRADED",
            "EX_TRADED_VOL",
            "EX_LTP",
            "EX_MARKET_DEF",
            "SP_PROJECTED",
        ];
        Self {
            identity_url: "https://identitysso.betfair.com/api".to_owned(),
            certificate_url: "https://identitysso-cert.betfair.com/api".to_owned(),
            api_url: "https://api.betfair.com/exchange".to_owned(),
            stream_address: "stream-api.betfair.com:443".to_owned(),
            stream_tls: true,
            root_certificates: PathBuf::new(),
            login: Login::Certificate,
            app_key_file: PathBuf::new(),
            username_file: PathBuf::new(),
            password_file: PathBuf::new(),
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            keep_alive_seconds: 3_600,
            heartbeat_ms: 5_000,
            conflate_ms: 0,
            fields: fields.map(str::to_owned).to_vec(),
            ladder_levels: 3,
            connect_timeout_seconds: 5,
            read_timeout_seconds: 15,
            order_timeout_seconds: 10,
            max_requests_per_second: 20,
            max_transactions_per_hour: 4_000,
            funds_every_seconds: 60,
            listing_every_seconds: 30,
            dead_man_seconds: 0,
        }
    }
}

impl Betfair {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let timeout = 1..=60;
        vec![
            Bound::new(
                "keep_alive_seconds",
                &self.keep_alive_seconds,
                &(60..=14_400),
            ),
            Bound::new("heartbeat_ms", &self.heartbeat_ms, &(500..=5_000)),
            Bound::new("conflate_ms", &self.conflate_ms, &(0..=120_000)),
            Bound::new("ladder_levels", &self.ladder_levels, &(1..=10)),
            Bound::new(
                "connect_timeout_seconds",
                &self.connect_timeout_seconds,
                &timeout,
            ),
            Bound::new("read_timeout_seconds", &self.read_timeout_seconds, &timeout),
            // The venue's matcher has five seconds: whoever waits less makes doubts of his own.
            Bound::new(
                "order_timeout_seconds",
                &self.order_timeout_seconds,
                &(6..=60),
            ),
            Bound::new(
                "max_requests_per_second",
                &self.max_requests_per_second,
                &(1..=500),
            ),
            Bound::new(
                "max_transactions_per_hour",
                &self.max_transactions_per_hour,
                &(0..=100_000),
            ),
            Bound::new(
                "funds_every_seconds",
                &self.funds_every_seconds,
                &(5..=3_600),
            ),
            Bound::new(
                "listing_every_seconds",
                &self.listing_every_seconds,
                &(5..=3_600),
            ),
            Bound::new("dead_man_seconds", &self.dead_man_seconds, &(0..=300)),
        ]
    }

    /// What is wrong beside ranges: the key, the value, and what is permitted.
    pub(super) fn problems(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut object = |key: &str, value: &str, problem: &str| {
            found.push((
                format!("betfair.{key}"),
                value.to_owned(),
                problem.to_owned(),
            ));
        };
        for (key, url) in [
            ("identity_url", &self.identity_url),
            ("certificate_url", &self.certificate_url),
            ("api_url", &self.api_url),
        ] {
            if !is_safe_address(url) {
                object(
                    key,
                    url,
                    "it must begin with https://, or with http:// and name this machine: 127.0.0.1 or [::1]",
                );
            }
        }
        let host = self.stream_address.rsplit_once(':');
        let host = host.filter(|(_, port)| port.parse::<u16>().is_ok());
        match host {
            None => object(
                "stream_address",
                &self.stream_address,
                "write host:port, as in stream-api.betfair.com:443",
            ),
            Some((host, _)) if !self.stream_tls && !is_local(host) => object(
                "stream_tls",
                "false",
                "the stream carries the session: without TLS only to 127.0.0.1 or [::1]",
            ),
            Some(_) => {}
        }
        for field in &self.fields {
            if !STREAM_FIELDS.contains(&field.as_str()) {
                let known = STREAM_FIELDS.join(", ");
                object("fields", field, &format!("there are {known}"));
            }
        }
        if !self.fields.iter().any(|field| field == "EX_MARKET_DEF") {
            let fields = self.fields.join(", ");
            object(
                "fields",
                &fields,
                "EX_MARKET_DEF must be among them: no market is known without it",
            );
        }
        if (1..10).contains(&self.dead_man_seconds) {
            let seconds = self.dead_man_seconds.to_string();
            object("dead_man_seconds", &seconds, "use 0, or 10 to 300");
        }
        found
    }
}

/// Whether secrets may be sent there.
pub(super) fn is_safe_address(url: &str) -> bool {
    if url
        .strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty())
    {
        return true;
    }
    is_local_address(url)
}

/// Whether it is this machine, without TLS.
pub(super) fn is_local_address(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    // With a name and password before it, what looks like this machine may be another.
    !authority.contains('@')
        && authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && is_local(host))
}

fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// When a venue that fails is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long; then it is tried again, and the next failure is enough.
    pub open_seconds: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            open_seconds: 60,
        }
    }
}

impl Breaker {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::new("failures", &self.failures, &(1..=100)),
            Bound::new("open_seconds", &self.open_seconds, &(1..=3_600)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_only_where_nobody_listens() {
        for url in [
            "https://api.betfair.com/exchange",
            "http://127.0.0.1:8090/api",
            "http://[::1]:8090",
        ] {
            assert!(is_safe_address(url), "{url}");
        }
        for url in [
            "http://api.betfair.com:80/exchange",
            "http://127.0.0.1:80@evil.example:80/",
            "http://localhost.evil.example:80",
            "ftp://127.0.0.1:1",
            "https://",
            "",
        ] {
            assert!(!is_safe_address(url), "{url}");
        }
        let plain = Betfair {
            stream_tls: false,
            ..Betfair::default()
        };
        assert_eq!(plain.problems()[0].0, "betfair.stream_tls");
        assert_eq!(Betfair::default().problems(), []);
    }
}
