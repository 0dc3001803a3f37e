//! Files of the site folder: precompressed, revalidated by ETag, immutable where their name is
//! a hash of their content.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Response, StatusCode, header},
};
use leptos::config::LeptosOptions;
use std::sync::Arc;
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// Serves the files of the site folder.
#[derive(Clone)]
pub(super) struct Assets {
    folder: ServeDir,
    /// `/pkg/`, below which names carry a hash; `None` where they do not.
    hashed: Option<Arc<str>>,
}

impl Assets {
    pub(super) fn new(options: &LeptosOptions) -> Self {
        let folder = ServeDir::new(&*options.site_root)
            .append_index_html_on_directories(false)
            .precompressed_br()
            .precompressed_gzip();
        let hashed = options
            .hash_files
            .then(|| format!("/{}/", options.site_pkg_dir).into());
        Self { folder, hashed }
    }

    /// Answers with the file, or `None` where there is none.
    pub(super) async fn serve(&self, request: Request) -> Option<Response<Body>> {
        let immutable = self.is_immutable(request.uri().path());
        let Ok(response) = self.folder.clone().oneshot(request).await;
        if !matches!(
            response.status(),
            StatusCode::OK
                | StatusCode::NOT_MODIFIED
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::RANGE_NOT_SATISFIABLE
        ) {
            return None;
        }
        let mut response = response.map(Body::new);
        let caching = if immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        Some(response)
    }

    /// Tells whether the name carries a hash: `/pkg/app.<22 characters>.wasm`.
    fn is_immutable(&self, path: &str) -> bool {
        let Some(name) = self
            .hashed
            .as_deref()
            .and_then(|folder| path.strip_prefix(folder))
        else {
            return false;
        };
        // cargo-leptos: MD5 in unpadded URL-safe base64
        let mut parts = name.rsplit('.').skip(1);
        parts.next().is_some_and(|hash| {
            hash.len() == 22
                && hash
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
    }
}
