//! Which topic a name means. Pictures of the cluster lag, so one that tells another id is no proof that the topic was
//! made anew.

use std::collections::VecDeque;

use crate::ids::TopicId;

/// So many pictures in a row that tell another id are believed.
const OTHER_BELIEVED: u8 = 3;

/// And so many that tell one which had a successor: whoever tells it lags, unless it goes on and on. They take a
/// minute while there is something to write, longer than brokers lag and shorter than a batch has time.
const LEFT_BELIEVED: u8 = 30;

/// So many ids that had a successor are remembered.
const REMEMBERED: usize = 4;

/// The id of a topic, where brokers have such.
#[derive(Debug, Default)]
pub(super) struct Identity {
    id: Option<TopicId>,
    other: Option<Other>,
    /// Ids that had a successor, the oldest first.
    left: VecDeque<TopicId>,
}

/// An id that is not believed yet.
#[derive(Debug)]
struct Other {
    id: TopicId,
    /// How many pictures in a row told it, and which was the last of them.
    pictures: u8,
    generation: u64,
}

/// What a picture tells of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The topic that is known, or nothing of its id.
    Same,
    /// The id for the first time.
    First,
    /// Perhaps another topic of this name: nothing of it is to be taken over.
    Doubtful,
    /// Another topic of this name.
    Anew,
}

impl Identity {
    /// The id that is believed.
    pub(super) fn id(&self) -> Option<TopicId> {
        self.id
    }

    /// Takes what the picture of this generation tells.
    pub(super) fn take(&mut self, told: Option<TopicId>, generation: u64) -> Told {
        let Some(told) = told else { return Told::Same };
        let Some(own) = self.id else {
            self.id = Some(told);
            return Told::First;
        };
        if own == told {
            self.other = None;
            return Told::Same;
        }
        let pictures = match &self.other {
            Some(other) if other.id != told => 1,
            Some(other) => other.pictures.saturating_add(u8::from(other.generation != generation)),
            None => 1,
        };
        let believed = if self.left.contains(&told) { LEFT_BELIEVED } else { OTHER_BELIEVED };
        if pictures < believed {
            self.other = Some(Other { id: told, pictures, generation });
            return Told::Doubtful;
        }
        (self.id, self.other) = (Some(told), None);
        self.left.retain(|left| *left != told);
        self.left.push_back(own);
        if self.left.len() > REMEMBERED {
            self.left.pop_front();
        }
        Told::Anew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes pictures one after the other, 0 for one without an id.
    fn told(identity: &mut Identity, from: u64, ids: &[u128]) -> Vec<Told> {
        let pictures = (from..).zip(ids);
        pictures.map(|(generation, id)| identity.take(TopicId::new(*id), generation)).collect()
    }

    #[test]
    fn one_picture_that_tells_another_id_is_not_believed_and_three_in_a_row_are() {
        use Told::{Anew, Doubtful, First, Same};
        let mut identity = Identity::default();
        assert_eq!(told(&mut identity, 0, &[0, 7, 7]), [Same, First, Same]);
        assert_eq!(
            told(&mut identity, 3, &[8, 8, 7, 8, 9, 8]),
            [Doubtful, Doubtful, Same, Doubtful, Doubtful, Doubtful]
        );
        assert_eq!(identity.id(), TopicId::new(7));
        // One that says nothing of the id, since the topic is just being made, ends no row.
        assert_eq!(told(&mut identity, 9, &[0, 8, 8, 8]), [Same, Doubtful, Anew, Same]);
        assert_eq!(identity.id(), TopicId::new(8));
    }

    #[test]
    fn one_picture_counts_once_however_often_it_is_looked_at() {
        let mut identity = Identity::default();
        told(&mut identity, 0, &[7]);
        for _ in 0..20 {
            assert_eq!(identity.take(TopicId::new(8), 1), Told::Doubtful);
        }
    }

    #[test]
    fn an_id_that_had_a_successor_comes_back_only_if_nothing_else_is_told_for_long() {
        let mut identity = Identity::default();
        told(&mut identity, 0, &[7, 8, 8, 8]);
        assert_eq!(identity.id(), TopicId::new(8));
        let lagging = vec![7; usize::from(LEFT_BELIEVED) - 1];
        for from in [100, 200] {
            assert!(told(&mut identity, from, &lagging).iter().all(|told| *told == Told::Doubtful));
            assert_eq!(told(&mut identity, from + 90, &[8]), [Told::Same]);
        }
        told(&mut identity, 300, &lagging);
        assert_eq!(told(&mut identity, 390, &[7]), [Told::Anew]);
    }
}
