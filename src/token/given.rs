//! A token that was made elsewhere: sent as it is, and replaced only when its file changes.

use std::sync::Arc;
use std::time::Duration;

use super::minter::{Minter, SLICE, answer};
use super::{Command, NotRenewed, Token};
use crate::evidence::TokenFacts;

impl Minter {
    /// Publishes the given token, and the one that replaces it in its file, for ever.
    pub(super) async fn keep_given(&mut self) {
        self.publish_given();
        loop {
            let wake = self.setup.clock.now().elapsed.saturating_add(SLICE);
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey_given(command).await,
                () = self.setup.clock.sleep_until(wake) => {
                    self.adopt_replacement().await;
                }
            }
        }
    }

    /// Declines to mint, unless the file holds another token by now.
    async fn obey_given(&mut self, command: Command) {
        let (Command::Rejected { reply, .. }
        | Command::Forced { reply }
        | Command::Beside { reply, .. }) = command
        else {
            return;
        };
        let replaced = self.adopt_replacement().await;
        let current = self.state.borrow().current.clone().filter(|_| replaced);
        answer(reply, current.ok_or(NotRenewed::Given));
    }

    async fn adopt_replacement(&mut self) -> bool {
        let replaced = self.reread_secrets().await;
        if replaced {
            self.publish_given();
        }
        replaced
    }

    fn publish_given(&mut self) {
        let issued_at = self.setup.clock.now();
        let Some(value) = self.secrets.proof().cloned() else {
            return;
        };
        self.state.send_modify(|state| {
            let before = state
                .current
                .as_ref()
                .map_or(0, |token| token.facts.generation);
            state.current = Some(Arc::new(Token {
                value,
                facts: TokenFacts {
                    generation: before.saturating_add(1),
                    issued_at,
                    expires_at: None,
                    given: true,
                    scopes: None,
                },
                minted_by: None,
                expires: None,
                margin: Duration::ZERO,
            }));
        });
    }
}
