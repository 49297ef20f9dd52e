//! Token files: who replaces them, and what harm they come to. Real files, each state of them with a time
//! of its own, since no time passes between two of them.

use std::fs::{self, File};

use ottla::{TokenSource, write_secret_file};
use tokio::task::JoinHandle;

use super::plan::Harm;
use super::world::World;

/// Texts that are remembered.
const REMEMBERED: usize = 2;

/// Writes the tokens of a source to a file as they come, until it is dropped.
#[derive(Debug)]
pub(crate) struct Distributor(JoinHandle<()>);

impl Drop for Distributor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Distributor {
    pub(crate) fn start(world: &World, keeper: usize, mut source: TokenSource) -> Self {
        let world = world.clone();
        world.distribute(keeper, &source);
        Self(tokio::spawn(async move {
            loop {
                source.changed().await;
                world.distribute(keeper, &source);
            }
        }))
    }
}

impl World {
    fn distribute(&self, keeper: usize, source: &TokenSource) {
        let text = self.target().token_file(&source.current()).unwrap();
        let path = self.token_file(keeper);
        write_secret_file(&path, &text).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(self.stamp()).unwrap();
        let mut slot = self.slot(keeper);
        slot.texts.push_back(text.secret_bytes().to_vec());
        while slot.texts.len() > REMEMBERED {
            slot.texts.pop_front();
        }
        slot.is_harmed = false;
    }

    /// False if there is nothing to harm.
    pub(crate) fn harm(&self, keeper: usize, harm: Harm) -> bool {
        let path = self.token_file(keeper);
        let older = {
            let slot = self.slot(keeper);
            slot.texts.front().filter(|older| Some(*older) != slot.texts.back()).cloned()
        };
        let done = match (harm, older) {
            (Harm::Removed, _) => fs::remove_file(&path).is_ok(),
            (Harm::Truncated, _) => path.exists() && self.put(keeper, &[]),
            (Harm::Older, Some(older)) => path.exists() && self.put(keeper, &older),
            (Harm::Older, None) => false,
        };
        self.slot(keeper).is_harmed |= done;
        done
    }

    /// Puts the newest text back, if nobody has.
    pub(crate) fn mend(&self, keeper: usize) {
        let newest = {
            let slot = self.slot(keeper);
            slot.texts.back().filter(|_| slot.is_harmed).cloned()
        };
        if let Some(newest) = newest {
            self.put(keeper, &newest);
            self.slot(keeper).is_harmed = false;
        }
    }

    /// Writes over the file in place, as a careless program does.
    fn put(&self, keeper: usize, text: &[u8]) -> bool {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = File::options();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(self.token_file(keeper));
        let mut file = file.unwrap();
        std::io::Write::write_all(&mut file, text).unwrap();
        file.set_modified(self.stamp()).unwrap();
        true
    }
}
