//! What fetchers tell: the reader what they found, the router what is to become of ranges.

use super::chunk::Chunk;
use super::progress::Progress;
use super::range::Loss;
use super::recovery::Failed;
use crate::cluster::pool::Purpose;
use crate::error::Error;
use crate::wire::codec::fetch::EpochEnd;

/// What reaches the reader.
pub(super) enum Delivery {
    Chunks(Vec<Chunk>),
    Lost(Loss),
    Failed(Error),
    /// Every range was read to its end.
    Done,
}

/// What a fetcher tells the router.
pub(super) enum Report {
    /// So many ranges are read to their end.
    Finished(usize),
    /// These go on with a purpose, wherever they are led.
    Moved(Purpose, Vec<Progress>),
    /// These could not be read.
    Failed(Failed),
    /// These want offsets that their partitions do not have.
    OutOfRange(Vec<Progress>),
    /// The leader has changed, and this one does not compare by itself what was read with its log.
    Unproven(Vec<Progress>),
    /// What was read of these is not in the leader's log.
    Diverged(Vec<(Progress, EpochEnd)>),
}

impl Report {
    /// The ranges that cannot simply be read on.
    pub(super) fn troubled(&mut self) -> Box<dyn Iterator<Item = &mut Progress> + '_> {
        match self {
            Self::Finished(_) | Self::Moved(..) => Box::new(std::iter::empty()),
            Self::Failed(failed) => Box::new(failed.ranges.iter_mut()),
            Self::OutOfRange(ranges) | Self::Unproven(ranges) => Box::new(ranges.iter_mut()),
            Self::Diverged(ranges) => Box::new(ranges.iter_mut().map(|(range, _)| range)),
        }
    }
}
