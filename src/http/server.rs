//! The server: its address, its thread, and the limits on connections.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::app::App;
use super::patience::Patient;
use super::token::{TokenError, Tokens};
use super::{Service, door, events, routes};
use crate::config;

/// Connections at one time; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take, and how long a connection may idle between two.
const HEAD: Duration = Duration::from_secs(5);
/// The longest head, in bytes, and the most headers in it.
const HEAD_BYTES: usize = 16 * 1_024;
const HEADERS: usize = 64;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may take nothing of an answer.
const UNREAD: Duration = Duration::from_secs(10);
/// How long what is under way may take when the host ends.
const FAREWELL: Duration = Duration::from_millis(200);

/// What keeps a server from starting.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error(
        "the HTTP server cannot listen on {0}: {1}. Set http.bind to another address (port 0 lets the system choose \
         one), or http.enabled = false"
    )]
    Address(SocketAddr, io::Error),
    /// The tokens cannot be read.
    #[error("{0}")]
    Tokens(#[from] TokenError),
    /// It would be open to others without tokens.
    #[error(
        "http.bind is {0}, which others can reach, and there is no token: make one with `bea token new NAME --role control`, \
         or listen on this machine only (127.0.0.1)"
    )]
    Unguarded(SocketAddr),
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be had with http.tls_certificate and http.tls_key: {0}")]
    Tls(String),
    /// The system gives no thread.
    #[error("the HTTP server has no thread: {0}")]
    Thread(io::Error),
}

/// A server that has its address but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tokens: Tokens,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Takes the address; with port 0 the system chooses a port.
    ///
    /// # Errors
    /// If it cannot be had, or would not be safe.
    pub fn bind(settings: &config::Http) -> Result<Self, ServerError> {
        let tokens = Tokens::open(&settings.token_file)?;
        if !settings.bind.ip().is_loopback() && !tokens.are_required() {
            return Err(ServerError::Unguarded(settings.bind));
        }
        let tls = match settings.tls_certificate.as_os_str().is_empty() {
            true => None,
            false => Some(acceptor(&settings.tls_certificate, &settings.tls_key)?),
        };
        let unavailable = |error| ServerError::Address(settings.bind, error);
        let listener = TcpListener::bind(settings.bind).map_err(unavailable)?;
        listener.set_nonblocking(true).map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            listener,
            address,
            tokens,
            tls,
        })
    }

    /// Where it really listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// http or https.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Whether tokens are asked for, and whether one of them may control.
    #[must_use]
    pub fn guarded(&self) -> (bool, bool) {
        (self.tokens.are_required(), self.tokens.can_control())
    }

    /// Answers, on a thread of its own, until what this gives is dropped.
    ///
    /// # Errors
    /// If the thread cannot be had.
    pub fn serve(self, service: Service) -> Result<Serving, ServerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(16)
            .thread_name("http-read")
            .enable_all()
            .build()
            .map_err(ServerError::Thread)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = self.accept(service) => {}
                    // Stopped, or whoever could stop it is gone.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(FAREWELL);
        };
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(work)
            .map_err(ServerError::Thread)?;
        Ok(Serving {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    async fn accept(self, service: Service) {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(event = "http", %error, "the HTTP server does not answer");
                return;
            }
        };
        let app = App::new(service, self.tokens);
        let routes = routes::router(&app);
        tokio::spawn(events::feed(app.clone()));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, mostly: what is open must end first.
                    tracing::warn!(event = "http", %error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let (app, routes, tls) = (app.clone(), routes.clone(), self.tls.clone());
            tokio::spawn(async move {
                let _place = place;
                let Some(tls) = tls else {
                    return converse(app, routes, peer.ip(), stream).await;
                };
                let shaken = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
                if let Ok(Ok(stream)) = shaken {
                    converse(app, routes, peer.ip(), stream).await;
                }
            });
        }
    }
}

/// Answers the requests of one connection.
async fn converse<S>(app: App, routes: Router, peer: IpAddr, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, routes) = (app.clone(), routes.clone());
        async move {
            let request = request.map(Body::new);
            Ok::<_, Infallible>(door::answer(&app, &routes, peer, request).await)
        }
    });
    let stream = TokioIo::new(Patient::new(stream, UNREAD));
    // Whoever breaks off, or the rules, has ended the connection; there is nobody to tell.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(stream, service)
        .with_upgrades()
        .await;
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, ServerError> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        ServerError::Tls(format!("{}: {error}", path.display()))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| failed(certificate, &error))?
        .collect();
    let chain = chain.map_err(|error| failed(certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(|error| ServerError::Tls(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A server at work. Dropping it ends it.
#[derive(Debug)]
pub struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
