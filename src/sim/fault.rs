//! Faults on top of the model: what stands between a request and the honest answer to it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use serde_json::Value;

use super::obstacle::Obstacle;

/// A group of requests that faults can be set for and that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/oauth/token`
    Token,
    /// `/api/v2/routing/queues`
    Queues,
    /// `/api/v2/routing/queues/{queueId}` and what else lies below the list
    Queue,
    /// `/api/v2/tokens/me`
    TokensMe,
    /// `/api/v2/authorization/subjects/me`
    SubjectsMe,
    /// `/api/v2/authorization/divisionspermitted/paged/me`
    DivisionsPermitted,
    /// `/api/v2/authorization/permissions`
    Permissions,
    /// `/api/v2/organizations/me`
    Organization,
    /// Everything else.
    Other,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 9] = [
        Self::Token,
        Self::Queues,
        Self::Queue,
        Self::TokensMe,
        Self::SubjectsMe,
        Self::DivisionsPermitted,
        Self::Permissions,
        Self::Organization,
        Self::Other,
    ];

    /// The route of a path.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/oauth/token" => Self::Token,
            "/api/v2/routing/queues" => Self::Queues,
            "/api/v2/tokens/me" => Self::TokensMe,
            "/api/v2/authorization/subjects/me" => Self::SubjectsMe,
            "/api/v2/authorization/divisionspermitted/paged/me" => Self::DivisionsPermitted,
            "/api/v2/authorization/permissions" => Self::Permissions,
            "/api/v2/organizations/me" => Self::Organization,
            _ if path.starts_with("/api/v2/routing/queues/") => Self::Queue,
            _ => Self::Other,
        }
    }
}

/// What a request gets instead of, or before, the honest answer.
#[derive(Debug, Clone)]
pub enum Scripted {
    /// The model answers.
    Honest,
    /// The model answers after a while.
    DelayHonest(Duration),
    /// Another step, after a while.
    Delay(Duration, Box<Scripted>),
    /// Another step, but only for a live token: without one the honest 401. So the API itself
    /// refuses, whereas the other steps stand for something in front of it.
    Authenticated(Box<Scripted>),
    /// One step for requests with an `Authorization` header, whatever is in it, another for those
    /// without.
    ByAuthorization {
        /// With the header.
        with: Box<Scripted>,
        /// Without it.
        without: Box<Scripted>,
    },
    /// Exactly this answer.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body, whatever its bytes.
        body: Vec<u8>,
    },
    /// The platform's `ErrorBody` with a correlation id.
    Error {
        /// The HTTP status.
        status: u16,
        /// The `code` of the body.
        code: String,
        /// The `message` of the body.
        message: String,
    },
    /// No answer, and the connection stays open.
    Hang,
    /// No answer, and the connection is closed.
    Close,
    /// No answer, and the connection is reset.
    Reset,
    /// Fewer bytes than `content-length` announces, then the connection is closed.
    Truncate {
        /// The HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The bytes that are sent.
        body: Vec<u8>,
        /// How many more are announced.
        missing: u64,
    },
    /// A chunked body without end: a byte every so often.
    Endless {
        /// The HTTP status.
        status: u16,
        /// The time between two bytes.
        every: Duration,
    },
    /// A chunked body of so many bytes, as fast as they are taken.
    Flood {
        /// The HTTP status.
        status: u16,
        /// How many bytes are sent.
        bytes: u64,
    },
}

impl Scripted {
    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// An answer with a text body of some content type.
    #[must_use]
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self::respond(status, &[("content-type", content_type)], body.as_bytes())
    }

    /// Exactly this answer.
    #[must_use]
    pub fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self::Respond {
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.to_vec(),
        }
    }

    /// The platform's `ErrorBody`.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// This step for requests with an `Authorization` header only; the model answers the others.
    #[must_use]
    pub fn with_authorization(self) -> Self {
        Self::ByAuthorization {
            with: Box::new(self),
            without: Box::new(Self::Honest),
        }
    }

    /// This step for requests with a live token only.
    #[must_use]
    pub fn authenticated(self) -> Self {
        Self::Authenticated(Box::new(self))
    }
}

/// The steps that are set, by route.
#[derive(Debug, Default)]
pub(super) struct Faults {
    next: HashMap<Route, VecDeque<Scripted>>,
    always: HashMap<Route, Scripted>,
}

impl Faults {
    pub(super) fn script(&mut self, route: Route, steps: impl IntoIterator<Item = Scripted>) {
        self.next.entry(route).or_default().extend(steps);
    }

    pub(super) fn always(&mut self, route: Route, step: Option<Scripted>) {
        match step {
            Some(step) => self.always.insert(route, step),
            None => self.always.remove(&route),
        };
    }

    /// Sets a step for the whole API, but not for the token endpoint, which has its own host.
    pub(super) fn everywhere(&mut self, step: &Scripted) {
        for route in Route::ALL
            .into_iter()
            .filter(|&route| route != Route::Token)
        {
            self.always(route, Some(step.clone()));
        }
    }

    /// Puts an obstacle before every request to these routes.
    pub(super) fn obstruct(&mut self, routes: &[Route], obstacle: Obstacle) {
        for &route in routes {
            self.always(route, Some(obstacle.step()));
        }
    }

    /// The step for the next request to `route`.
    pub(super) fn step(&mut self, route: Route) -> Scripted {
        let next = self.next.get_mut(&route).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&route).cloned())
            .unwrap_or(Scripted::Honest)
    }
}

/// Marks a response whose connection is to end without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Reset,
}

/// A body that does not end as bodies should.
pub(super) enum FaultyBody {
    /// Sends its bytes, lets them be flushed, then breaks.
    Cut { data: Option<Bytes>, flushed: bool },
    /// Sends a byte every so often.
    Drip {
        every: Duration,
        sleep: Pin<Box<tokio::time::Sleep>>,
    },
    /// Sends so many bytes.
    Flood { left: u64, chunk: Bytes },
}

impl FaultyBody {
    pub(super) fn cut(data: Vec<u8>) -> Body {
        Body::new(Self::Cut {
            data: Some(Bytes::from(data)),
            flushed: false,
        })
    }

    pub(super) fn drip(every: Duration) -> Body {
        Body::new(Self::Drip {
            every,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        })
    }

    pub(super) fn flood(bytes: u64) -> Body {
        Body::new(Self::Flood {
            left: bytes,
            chunk: Bytes::from(vec![b' '; 64 * 1024]),
        })
    }
}

impl hyper::body::Body for FaultyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Cut { data, flushed } => {
                if let Some(data) = data.take() {
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                if !*flushed {
                    // One turn for the connection to write out what it has: an error at once would
                    // take the bytes along.
                    *flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(io::Error::other(
                    "the body is cut off on purpose",
                ))))
            }
            Self::Drip { every, sleep } => {
                std::task::ready!(sleep.as_mut().poll(context));
                *sleep = Box::pin(tokio::time::sleep(*every));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
            Self::Flood { left, chunk } => {
                if *left == 0 {
                    return Poll::Ready(None);
                }
                let size = usize::try_from(*left).map_or(chunk.len(), |left| left.min(chunk.len()));
                *left = left.saturating_sub(size as u64);
                Poll::Ready(Some(Ok(Frame::data(chunk.slice(..size)))))
            }
        }
    }
}
