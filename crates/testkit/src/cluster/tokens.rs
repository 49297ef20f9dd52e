//! Users, tokens and rights, as a test changes them under a running client.

use std::time::Duration;

use super::Cluster;
use crate::{BrokerId, Error, Principal, Token, TokenRight};

impl Cluster {
    /// The tokens that the controller knows, in the order of their ids.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        self.shared.lock().0.tokens.controller().tokens().map(|known| known.token.clone()).collect()
    }

    /// The tokens that a broker has learned of; nothing if there is no such broker.
    #[must_use]
    pub fn tokens_on(&self, broker: BrokerId) -> Vec<Token> {
        let (state, _) = self.shared.lock();
        let image = state.tokens.image(broker).into_iter();
        image.flat_map(|image| image.tokens()).map(|known| known.token.clone()).collect()
    }

    /// Deletes a token as an administrator would; brokers learn it as they learn everything.
    ///
    /// # Errors
    /// [`Error::UnknownToken`].
    pub fn delete_token(&self, id: &str) -> Result<(), Error> {
        let (mut state, now) = self.shared.lock();
        if state.tokens.delete(now.instant, id) { Ok(()) } else { Err(Error::UnknownToken(id.to_owned())) }
    }

    /// How long changes of tokens take to reach one broker, or all of them and the controller. Those
    /// on their way keep their time, and none overtakes another.
    pub fn set_token_propagation(&self, broker: Option<BrokerId>, delay: Duration) {
        self.shared.lock().0.tokens.set_propagation(broker, delay);
    }

    /// Rolls the cluster with another `delegation.token.secret.key`: tokens stay listed, their HMACs
    /// and salts are others, and logins with the old ones fail. Connections stay open.
    pub fn rotate_token_secret(&self, secret: impl Into<Vec<u8>>) {
        self.shared.lock().0.tokens.rotate_secret(secret.into());
    }

    /// Adds a user, or changes a password.
    pub fn set_password(&self, user: &str, password: &str) {
        let (mut state, _) = self.shared.lock();
        let state = &mut *state;
        state.access.set_password(user, password, &mut state.random);
    }

    /// Removes a user. Live sessions go on.
    pub fn remove_user(&self, user: &str) {
        self.shared.lock().0.access.remove(user);
    }

    /// Adds an ACL.
    pub fn allow(&self, principal: Principal, right: TokenRight) {
        self.shared.lock().0.access.allow(principal, right);
    }

    /// What a group committed for a partition.
    #[must_use]
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let (state, _) = self.shared.lock();
        Some(state.groups.offsets.get(group)?.get(&(topic.to_owned(), partition))?.offset)
    }
}
