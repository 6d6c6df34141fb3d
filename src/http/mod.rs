//! The health server: `/health`, `/livez`, `/readyz`, and the kill switch; for this machine only.
//!
//! It answers from a copy of the state that the host publishes, so a slow strategy or disk delays no answer.

mod health;
mod host;
mod kill;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub use health::{Check, Health, Standing};
pub use host::is_local;

/// Gives the present state; called for every request.
pub type Ask = Arc<dyn Fn() -> Health + Send + Sync>;

/// Halts betting: given the reason and who asks. It holds in the process even if it fails.
pub type Kill = Arc<dyn Fn(&str, &str) -> io::Result<()> + Send + Sync>;

/// What the server serves.
#[derive(Clone)]
pub struct Service {
    /// Gives the present state.
    pub health: Ask,
    /// Halts betting.
    pub kill: Kill,
}

/// A server that has its address but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the address; with port 0 the system chooses a port.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it really listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped. Runs within tokio.
    ///
    /// # Errors
    /// If the listener is not accepted by the runtime.
    pub async fn serve(self, service: Service) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let routes = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::max(kill::LONGEST_BODY))
            .with_state(service);
        axum::serve(listener, routes).await
    }
}

/// Answers one request.
async fn answer(State(service): State<Service>, request: Request<Body>) -> Response {
    if !host::is_local(request.headers()) {
        return problem(
            StatusCode::FORBIDDEN,
            "the Host header must name this machine: localhost, 127.0.0.1 or [::1]",
        );
    }
    let path = request.uri().path();
    if path == kill::PATH {
        return kill::answer(&service.kill, request).await;
    }
    if !matches!(path, "/health" | "/livez" | "/readyz") {
        return problem(
            StatusCode::NOT_FOUND,
            "there are /health, /livez, /readyz and /api/v1/kill",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = problem(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD");
        let allow = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allow);
        return refused;
    }
    let health = (service.health)();
    match path {
        "/livez" => plain(health.is_alive),
        "/readyz" => plain(health.is_ready),
        _ => {
            let code = match health.status {
                Standing::Fail => StatusCode::SERVICE_UNAVAILABLE,
                Standing::Pass | Standing::Warn => StatusCode::OK,
            };
            document(code, "application/health+json", &health)
        }
    }
}

fn plain(holds: bool) -> Response {
    let (code, standing) = if holds {
        (StatusCode::OK, Standing::Pass)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Standing::Fail)
    };
    let body = json!({ "status": standing });
    document(code, "application/health+json", &body)
}

/// An error as RFC 9457 has it.
fn problem(code: StatusCode, detail: &str) -> Response {
    let title = code.canonical_reason().unwrap_or_default();
    let body = json!({ "title": title, "status": code.as_u16(), "detail": detail });
    document(code, "application/problem+json", &body)
}

fn document(code: StatusCode, kind: &'static str, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (
            code,
            [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            bytes,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, host: &str, path: &str, status: Standing) -> Response {
        let ask: Ask = Arc::new(move || Health {
            status,
            is_alive: true,
            is_ready: status != Standing::Fail,
            ..Health::default()
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let service = Service {
            health: ask,
            kill: Arc::new(|_, _| Ok(())),
        };
        runtime.block_on(answer(State(service), request))
    }

    #[test]
    fn pass_and_warn_are_200_and_fail_is_503() {
        for (status, code) in [
            (Standing::Pass, 200),
            (Standing::Warn, 200),
            (Standing::Fail, 503),
        ] {
            let answer = asked(Method::GET, "localhost", "/health", status);
            assert_eq!(answer.status(), code);
            let kind = &answer.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, "application/health+json");
        }
        let ready = |status| asked(Method::HEAD, "localhost", "/readyz", status).status();
        assert_eq!(
            (ready(Standing::Warn), ready(Standing::Fail)),
            (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
        );
        let live = asked(Method::GET, "localhost", "/livez", Standing::Fail);
        assert_eq!(
            live.status(),
            200,
            "alive, though not well: a restart mends nothing"
        );
    }

    #[test]
    fn anything_else_is_a_problem_document() {
        for (method, host, path, code) in [
            (Method::GET, "localhost", "/metrics", 404),
            (Method::POST, "localhost", "/health", 405),
            (Method::GET, "evil.example", "/health", 403),
        ] {
            let answer = asked(method, host, path, Standing::Pass);
            assert_eq!(answer.status(), code);
            let kind = &answer.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, "application/problem+json");
        }
    }
}
