//! What was asked of the simulator: for tests to look at, without any secret.

use std::collections::{HashMap, VecDeque};

use super::fault::Route;

const CAPACITY: usize = 10_000;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: String,
    /// The route.
    pub route: Route,
    /// The status of the answer; none while there is none, and for ever when none was sent.
    pub status: Option<u16>,
    /// Whether the request had an `Authorization` header.
    pub has_authorization: bool,
    /// Serial number of the token it carried, if that was issued here. Never the token itself.
    pub token: Option<u64>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Names of all headers, lower case, in their order.
    pub header_names: Vec<String>,
}

/// The last requests, and the number of all of them by route.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: VecDeque<Request>,
    dropped: u64,
    counts: HashMap<Route, u64>,
}

impl Log {
    /// Records a request; its number is for [`Log::finish`].
    pub(super) fn record(&mut self, request: Request) -> u64 {
        *self.counts.entry(request.route).or_default() += 1;
        if self.requests.len() == CAPACITY {
            self.requests.pop_front();
            self.dropped += 1;
        }
        self.requests.push_back(request);
        self.dropped + self.requests.len() as u64 - 1
    }

    pub(super) fn finish(&mut self, number: u64, status: u16) {
        let at = number
            .checked_sub(self.dropped)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(request) = at.and_then(|at| self.requests.get_mut(at)) {
            request.status = Some(status);
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn count(&self, route: Route) -> u64 {
        self.counts.get(&route).copied().unwrap_or_default()
    }
}
