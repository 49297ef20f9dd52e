//! Topics that somebody reads or writes: they are asked for as long as he lives, since he does not tell
//! each use.

use std::fmt;
use std::sync::Arc;

use super::Cluster;
use crate::time;

/// Keeps topics in the picture of the cluster as long as it lives.
pub(crate) struct HeldTopics {
    cluster: Cluster,
    topics: Vec<Arc<str>>,
}

impl Cluster {
    /// Keeps these topics in the picture.
    pub(crate) fn hold(&self, topics: &[Arc<str>]) -> HeldTopics {
        self.topology_mut().hold(topics, time::now());
        HeldTopics { cluster: self.clone(), topics: topics.to_vec() }
    }
}

impl Drop for HeldTopics {
    fn drop(&mut self) {
        self.cluster.topology_mut().release(&self.topics, time::now());
    }
}

impl fmt::Debug for HeldTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldTopics").field(&self.topics).finish()
    }
}
