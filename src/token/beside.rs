//! A token beside the cached one: for experiments that compare the two.

use std::sync::Arc;

use super::minter::{Minter, remaining};
use super::policy::{BESIDE_SHARED, FORCED_PAUSE};
use super::{NotRenewed, Token};
use crate::clock::Moment;
use crate::evidence::MintFailure;

impl Minter {
    /// A token beside the cached one, at most one per change: minting too many invalidates those
    /// of other processes.
    pub(super) async fn mint_beside(
        &mut self,
        asked: bool,
        now: Moment,
    ) -> Result<Arc<Token>, NotRenewed> {
        let cached = self.state.borrow().current.clone();
        let newest = cached.map_or(0, |token| token.facts.generation);
        if let Some((token, _)) = &self.beside
            && token.facts.generation > newest
            && now.since(token.facts.issued_at) < BESIDE_SHARED.min(self.setup.beside_pause)
        {
            return Ok(Arc::clone(token));
        }
        let often = self.setup.beside_pause;
        let pause = if asked {
            FORCED_PAUSE.min(often)
        } else {
            often
        };
        if let Some(wait) = remaining(self.last_beside, pause, now) {
            return Err(NotRenewed::TooSoon(wait));
        }
        // A failing token endpoint is not asked more often because of an experiment.
        if self.failures.count > 0 && now.elapsed < self.due {
            return self.outcome();
        }
        self.last_beside = Some(now);
        let tried = self.try_once().await;
        let result = match tried.minted {
            Ok((exchange, granted)) => {
                let (token, due) = self.token(exchange, granted);
                self.beside = Some((Arc::clone(&token), due));
                Ok(token)
            }
            Err(exchange) => Err(Arc::new(MintFailure {
                exchange,
                at: tried.ended,
            })),
        };
        self.tell(&result, tried.began, tried.ended);
        result.map_err(NotRenewed::Failed)
    }

    /// Caches the token that was minted beside, unless a newer one is there by now.
    pub(super) fn adopt(&mut self, generation: u64) {
        let is_newer = |token: &Token| {
            let state = self.state.borrow();
            let cached = state.current.as_ref().map_or(0, |it| it.facts.generation);
            token.facts.generation == generation && generation > cached
        };
        if let Some((token, due)) = self.beside.take_if(|(token, _)| is_newer(token)) {
            tracing::info!(
                credential = %self.credential.name,
                "a fresh token replaces the cached one of {}, which was refused",
                self.credential.name
            );
            self.publish(token, due);
        }
    }
}
