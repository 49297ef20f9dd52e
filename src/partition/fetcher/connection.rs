//! A fetcher's connection, and what it gives away since another broker leads it.

use super::{Gone, Task};
use crate::cluster::silence::OVERDUE;
use crate::cluster::topology::Address;
use crate::conn::handle::Connection;
use crate::partition::progress::Progress;
use crate::partition::recovery::LOOK;
use crate::partition::report::Report;
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::FetchRequest;

/// The first version of Fetch in which a broker compares epochs by itself (KIP-595).
const COMPARES_EPOCHS: i16 = 12;

impl Task {
    /// The connection. Where there is none, the router gets the ranges back; those that have another
    /// leader by then do not wait for the dial.
    pub(super) async fn connect(&mut self, may_wait: bool) -> Result<Option<(Address, Connection)>, Gone> {
        match &self.connection {
            Some(open) if open.1.is_open() => return Ok(Some(open.clone())),
            _ if !may_wait || !self.in_flight.is_empty() => return Ok(None),
            _ => {}
        }
        let reading = self.parts.reading.clone();
        let broker = self.parts.broker;
        let dial = reading.cluster.connection(broker, self.parts.purpose);
        let look = reading.look_beside(broker, time::now() + OVERDUE);
        tokio::pin!(dial, look);
        let dialled = loop {
            let since = reading.asking.time();
            self.plan.iter_mut().for_each(|range| range.ask(since));
            tokio::select! {
                biased;
                dialled = &mut dial => break dialled,
                next = &mut look => look.set(reading.look_beside(broker, next)),
                () = tokio::time::sleep(LOOK) => {}
            }
            self.take_sent();
            self.give_away_moved()?;
            if self.plan.is_empty() {
                return Ok(None);
            }
            reading.warn(self.plan.iter_mut(), &format!("{} cannot be reached yet", self.parts.broker));
        };
        match dialled {
            Ok(open) => {
                let asked = reading.asking.time();
                self.plan.iter_mut().for_each(|range| range.postpone(asked));
                self.connection = Some(open.clone());
                Ok(Some(open))
            }
            Err(error) => {
                let ranges = self.plan.take_all();
                self.fail(ranges, error, 1).await?;
                Ok(None)
            }
        }
    }

    /// Gives the router what other brokers lead by now.
    pub(super) fn give_away_moved(&mut self) -> Result<(), Gone> {
        let (reading, broker) = (&self.parts.reading, self.parts.broker);
        let moved = self.plan.take_if(|range| reading.is_led_elsewhere(range, broker));
        match moved.is_empty() {
            true => Ok(()),
            false => self.report(Report::Moved(self.parts.purpose, moved)),
        }
    }

    /// Gives the router what was read under another leader, if this broker does not compare it with
    /// its log by itself.
    pub(super) fn give_away_unproven(&mut self, connection: &Connection) -> Result<(), Gone> {
        if connection.speaks(FetchRequest::API, COMPARES_EPOCHS) {
            return Ok(());
        }
        let unproven = self.plan.take_if(Progress::is_unproven);
        match unproven.is_empty() {
            true => Ok(()),
            false => self.report(Report::Unproven(unproven)),
        }
    }
}
