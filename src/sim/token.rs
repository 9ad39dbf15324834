//! Issued access tokens and what has become of them.

use std::time::Duration;

use tokio::time::Instant;

/// One issued access token.
#[derive(Clone)]
pub(super) struct Token {
    /// Stands for the token in logs, where its value must never appear.
    pub(super) serial: u64,
    pub(super) value: String,
    /// The client it was issued to.
    pub(super) client: String,
    /// The user it acts for; none for client credentials.
    pub(super) user: Option<String>,
    /// Only user tokens carry scopes.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) minted_at: Instant,
    pub(super) expires_at: Option<Instant>,
    pub(super) dies_at: Option<Instant>,
    pub(super) last_used: Instant,
    pub(super) revoked: bool,
    pub(super) window: Window,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("serial", &self.serial)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// Whose roles count: the user's for a user token, else the client's.
    pub(super) fn subject(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.client)
    }

    pub(super) fn is_dead(&self, now: Instant, idle_timeout: Option<Duration>) -> bool {
        let idle = idle_timeout.is_some_and(|limit| now.duration_since(self.last_used) >= limit);
        self.revoked || idle || self.dies_at.is_some_and(|end| now >= end)
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// A fixed window of one minute in which requests are counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    since: Option<Instant>,
    count: u32,
}

const WINDOW: Duration = Duration::from_mins(1);

impl Window {
    /// Counts one request; above `limit` the answer is how many seconds are left of the window.
    pub(super) fn count(&mut self, now: Instant, limit: u32) -> Result<(), u64> {
        let since = match self.since {
            Some(since) if now.duration_since(since) < WINDOW => since,
            _ => {
                self.count = 0;
                now
            }
        };
        self.since = Some(since);
        if self.count < limit {
            self.count += 1;
            return Ok(());
        }
        Err(self.seconds_left(now))
    }

    /// Seconds until the window ends, rounded up.
    pub(super) fn seconds_left(&self, now: Instant) -> u64 {
        let gone = self.since.map_or(WINDOW, |since| now.duration_since(since));
        let left = WINDOW.saturating_sub(gone);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }

    /// Requests counted so far in the window.
    pub(super) fn used(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_window_refuses_above_its_limit_and_opens_again() {
        let mut window = Window::default();
        assert_eq!(window.count(clock::now(), 2), Ok(()));
        assert_eq!(window.count(clock::now(), 2), Ok(()));
        tokio::time::advance(Duration::from_millis(18_500)).await;
        assert_eq!(window.count(clock::now(), 2), Err(42));
        tokio::time::advance(Duration::from_secs(42)).await;
        assert_eq!(window.count(clock::now(), 2), Ok(()));
    }
}
