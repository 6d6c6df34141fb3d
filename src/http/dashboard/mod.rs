//! The page that the server gives: four files in the program, and nothing from anywhere else.

use axum::http::StatusCode;
use axum::response::Response;

use super::reply;

/// What a browser may do with anything that this server gives: run its own script, ask it, and no more.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Each file: path, content type, content.
pub(super) const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("index.html")),
    (
        "/dashboard.css",
        "text/css; charset=utf-8",
        include_str!("dashboard.css"),
    ),
    (
        "/dashboard.js",
        "text/javascript; charset=utf-8",
        include_str!("dashboard.js"),
    ),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// One of the files.
pub(super) fn file(at: usize) -> Response {
    let (_, kind, content) = FILES[at];
    reply::bytes_of(StatusCode::OK, kind, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nobody_else_for_anything() {
        for (path, _, content) in FILES {
            for outside in ["http://", "https://", "//cdn", "@import"] {
                let content = content.replace("http://www.w3.org/2000/svg", "");
                assert!(!content.contains(outside), "{path} names {outside}");
            }
        }
        let (_, _, page) = FILES[0];
        assert!(!page.contains("<script>") && !page.contains("style="));
        assert!(!page.contains("onclick"), "the policy would stop it");
    }
}
