//! How many transfers are under way at once: halved when a store asks to slow down, raised by one for every round that
//! went well (additive increase, multiplicative decrease, as in TCP).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A limit that finds its height. Shared by all transfers of a run.
#[derive(Debug)]
pub struct Pace {
    most: f64,
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    running: usize,
    /// Counts the cuts. One that is asked for by a transfer that began before the last cut is that same cut.
    cuts: u64,
}

impl Pace {
    /// At most `most` at once, and that many to begin with.
    pub fn new(most: usize) -> Arc<Self> {
        let most = most.max(1) as f64;
        let state = Mutex::new(State { limit: most, running: 0, cuts: 0 });
        Arc::new(Self { most, state, room: Notify::new() })
    }

    /// Waits for its turn.
    pub async fn enter(self: &Arc<Self>) -> Turn {
        loop {
            // Before looking, so that room made in between is not missed.
            let room = self.room.notified();
            if let Some(turn) = self.try_enter() {
                return turn;
            }
            room.await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Turn> {
        let mut state = self.lock();
        if state.running >= state.allowed() {
            return None;
        }
        state.running += 1;
        if state.running < state.allowed() {
            self.room.notify_one();
        }
        Some(Turn { pace: Arc::clone(self), cuts: state.cuts })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Never less than one: what is halved to nothing would never find out that things are well again.
    fn allowed(&self) -> usize {
        self.limit as usize
    }
}

/// The right to run one transfer; given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    pace: Arc<Pace>,
    cuts: u64,
}

impl Turn {
    /// The transfer went through.
    pub fn went_well(self) {
        let mut state = self.pace.lock();
        state.limit = (state.limit + 1.0 / state.limit).min(self.pace.most);
    }

    /// The other side asked to slow down.
    pub fn slow_down(self) {
        let mut state = self.pace.lock();
        if state.cuts == self.cuts {
            state.cuts += 1;
            state.limit = (state.limit / 2.0).max(1.0);
            tracing::info!(target: "firmhold::pace", at_once = state.allowed(), "slowing down");
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pace.lock().running -= 1;
        self.pace.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn turns(pace: &Arc<Pace>, count: usize) -> Vec<Turn> {
        (0..count).map_while(|_| pace.try_enter()).collect()
    }

    #[test]
    fn a_cut_halves_once_for_all_that_were_under_way() {
        let pace = Pace::new(8);
        let running = turns(&pace, 20);
        assert_eq!(running.len(), 8);
        running.into_iter().for_each(Turn::slow_down);
        let running = turns(&pace, 20);
        assert_eq!(running.len(), 4, "eight refusals of one round are one cut");
        running.into_iter().for_each(Turn::slow_down);
        assert_eq!(turns(&pace, 20).len(), 2);
    }

    #[test]
    fn it_creeps_up_by_one_a_round_and_never_over_the_most() {
        let pace = Pace::new(4);
        turns(&pace, 4).into_iter().for_each(Turn::slow_down);
        let mut rounds = Vec::new();
        for _ in 0..4 {
            let round = turns(&pace, 20);
            rounds.push(round.len());
            round.into_iter().for_each(Turn::went_well);
        }
        assert_eq!(rounds, [2, 2, 3, 4]);
        turns(&pace, 4).into_iter().for_each(Turn::went_well);
        assert_eq!(turns(&pace, 20).len(), 4);
    }

    #[test]
    fn one_is_always_allowed() {
        let pace = Pace::new(0);
        for _ in 0..3 {
            turns(&pace, 1).into_iter().for_each(Turn::slow_down);
            assert_eq!(turns(&pace, 5).len(), 1);
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let pace = Pace::new(1);
        let first = pace.enter().await;
        assert!(pace.enter().now_or_never().is_none());
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.enter().await.went_well() }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.unwrap();
    }
}
