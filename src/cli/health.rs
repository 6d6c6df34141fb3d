//! `bea health`: asks the host on this machine how it is.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Url};
use serde_json::Value;

use super::{Failure, Shared, exit, output, prepare};
use crate::config::{Config, Http, named};
use crate::http::is_local_name;

/// Ask the host on this machine how it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea health
  bea health --ready && echo at work
  bea health --live || echo start it anew
  bea health --url http://127.0.0.1:8080

It asks also while the settings are wrong: a running host goes on with those from before.
Exit code 0 if it is well or only needs a look, 6 if it is not, 7 if no host answers.")]
pub(super) struct Health {
    /// The exit code says whether it does its work
    #[arg(long)]
    ready: bool,
    /// The exit code says whether it lives, however it is: for what would start it anew
    #[arg(long, conflicts_with = "ready")]
    live: bool,
    /// Where to ask [default: where http.bind says]
    #[arg(long)]
    url: Option<Url>,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

impl Health {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => address(shared)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
        let path = match (self.ready, self.live) {
            (true, _) => "/readyz",
            (_, true) => "/livez",
            _ => "/health",
        };
        let nobody = |error: reqwest::Error| {
            let shown = url.as_str().trim_end_matches('/');
            let error = error.without_url();
            let why = innermost(&error);
            Failure::new(exit::VENUE, format!("no host answers at {shown}: {why}"))
                .hint("bea run starts one; http.bind says where it listens")
        };
        let (is_well, health) = runtime
            .block_on(async {
                let client = client(&url)?;
                let (is_well, _) = ask(&client, &url, path).await?;
                let (_, health) = ask(&client, &url, "/health").await?;
                Ok((is_well, health))
            })
            .map_err(nobody)?;
        output::print(shared, &health, text(&health, is_well))?;
        Ok(match is_well {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::GATE),
        })
    }
}

/// Where the settings say that the host listens, as far as they can be read.
fn address(shared: &Shared) -> Result<Url, Failure> {
    let sources = prepare::sources(shared);
    let (http, is_guess) = match Config::load(&sources) {
        Ok(loaded) => (loaded.config.http, false),
        Err(error) => {
            let wrong = error.to_string();
            let wrong = wrong.lines().next().unwrap_or_default();
            output::remark(shared, format_args!("the settings are wrong: {wrong}"));
            (Config::guess(&sources).http, true)
        }
    };
    let Http {
        bind,
        tls_certificate,
        ..
    } = &http;
    let scheme = match named(tls_certificate) {
        Some(_) => "https",
        None => "http",
    };
    // All addresses are no address to ask at.
    let port = bind.port();
    let url = match bind.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{port}"),
        false => format!("{scheme}://{bind}"),
    };
    if is_guess {
        let words = "what is below is said by the host";
        output::remark(
            shared,
            format_args!("{words} at {url} (--url asks another)"),
        );
    }
    Url::parse(&url).map_err(|error| Failure::new(exit::CONFIG, format!("{url}: {error}")))
}

fn text(health: &Value, is_well: bool) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let status = match is_well {
        true => health["status"].as_str().unwrap_or("pass"),
        false => "fail",
    };
    // To those who are elsewhere and have no token only the status is told.
    let Some(mode) = health["mode"].as_str() else {
        return status.to_owned();
    };
    let trading = word(&health["checks"]["mode"][0]["trading"]);
    let mut lines = vec![format!("{status}  {mode}, betting is {trading}")];
    let notes = health["notes"].as_array().into_iter().flatten();
    lines.extend(notes.map(|note| format!("      {}", word(note))));
    lines.join("\n")
}

fn client(url: &Url) -> reqwest::Result<Client> {
    // An error means that there is one already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    // On this machine nobody else can listen in between, and a certificate is made out to another name.
    let is_here = url.scheme() == "http" || url.host_str().is_some_and(is_local_name);
    Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(is_here)
        .build()
}

/// Whether a question was answered with 200, and the document.
async fn ask(client: &Client, url: &Url, path: &str) -> reqwest::Result<(bool, Value)> {
    let mut url = url.clone();
    url.set_path(path);
    let mut answer = client.get(url).send().await?;
    let is_well = answer.status() == reqwest::StatusCode::OK;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > LONGEST {
            break;
        }
    }
    Ok((is_well, serde_json::from_slice(&body).unwrap_or_default()))
}

/// The cause that says most.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
