//! Whom a request was meant for. A web page elsewhere can make a browser call this machine under a name that it
//! points here (DNS rebinding); such a request carries that name, and is refused.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header};

use crate::config;

/// Whether the request names this machine, once and as such.
#[must_use]
pub fn is_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_local_name),
        _ => false,
    }
}

/// Whether the request names this machine or a host of the settings, once and as such.
pub(super) fn is_allowed(headers: &HeaderMap, settings: &config::Http) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let known = |known: &String| known.eq_ignore_ascii_case(host);
    is_local_name(host)
        || settings.hosts.iter().any(known)
        || host == settings.bind.to_string() && !settings.bind.ip().is_unspecified()
}

/// Whether a name, with or without a port, is this machine's own for itself.
#[must_use]
pub fn is_local_name(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            is_port(port) && address.parse() == Ok(Ipv6Addr::LOCALHOST)
        });
    }
    let (name, port) = host
        .find(':')
        .map_or((host, ""), |colon| host.split_at(colon));
    is_port(port)
        && (name.eq_ignore_ascii_case("localhost")
            || name
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback()))
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.1.2.3",
            "[::1]",
            "[::1]:80",
        ] {
            assert!(is_local_name(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]:80",
            "localhost:http",
            "localhost@evil",
        ] {
            assert!(!is_local_name(host), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
