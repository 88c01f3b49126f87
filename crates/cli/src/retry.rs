//! Trying again: the one policy for the API, the parts of a push and the ranges of a pull (design D7).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use firmhold_core::problem::Fault;
use firmhold_core::{Code, Problem};
use firmhold_store::s3_error::Meaning;

use crate::quantity::time_text;

/// What only the owner of the bucket's account can mend is not waited for longer than this.
const WAIT_FOR_OWNER: Duration = Duration::from_secs(30);
/// Tries that there are at least: an attempt that took long must not be the last because of that.
const LEAST_TRIES: u32 = 3;
/// Upper end of the first pause; it doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Upper end of every pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Trouble that lasts so long is told, so that nobody looks at a still screen.
const TELL_AFTER: Duration = Duration::from_secs(10);

/// How long trying goes on, and what it is for.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    give_up_after: Duration,
    again: Option<&'static str>,
    count: Arc<AtomicU32>,
}

impl RetryPolicy {
    /// Gives up when nothing got through for `give_up_after`.
    pub fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, again: None, count: Arc::default() }
    }

    /// With a sentence on what another run of the command would do.
    #[must_use]
    pub fn with_hint(mut self, again: &'static str) -> Self {
        self.again = Some(again);
        self
    }

    /// The same policy with a count of its own.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        Self { count: Arc::default(), ..self.clone() }
    }

    /// How long nothing may get through.
    pub const fn give_up_after(&self) -> Duration {
        self.give_up_after
    }

    /// Repeats so far.
    pub fn repeats(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// For one piece of work.
    pub fn begin(&self) -> Retries {
        Retries { policy: self.clone(), patience: self.give_up_after, since: None, tries: 0, told: false }
    }
}

/// The tries of one piece of work.
#[derive(Debug)]
pub struct Retries {
    policy: RetryPolicy,
    patience: Duration,
    /// Begin of the present trouble.
    since: Option<Instant>,
    tries: u32,
    told: bool,
}

impl Retries {
    /// Something got through: what fails next is new trouble.
    pub fn progressed(&mut self) {
        self.since = None;
        self.tries = 0;
    }

    /// Waits no longer than `patience`, whatever the policy says.
    pub fn at_most(&mut self, patience: Duration) {
        self.patience = self.patience.min(patience);
    }

    /// Whether this was tried before.
    pub const fn again(&self) -> bool {
        self.tries > 0
    }

    /// Waits until trying again makes sense.
    ///
    /// # Errors
    /// `problem` itself, if trying again does not help, or has not for too long.
    pub async fn wait(&mut self, problem: Problem) -> Result<(), Problem> {
        let now = Instant::now();
        let trouble = now - *self.since.get_or_insert(now);
        self.tries += 1;
        let pause = self.judge(&problem, trouble, jitter());
        let Some(pause) = pause else { return Err(self.give_up(problem, trouble)) };
        if trouble >= TELL_AFTER && !self.told {
            self.told = true;
            let up_to = time_text(self.patience);
            tracing::warn!(target: "firmhold::retry", "{problem}; still trying, for up to {up_to}");
        }
        tracing::info!(target: "firmhold::retry", tries = self.tries, ?pause, cause = %problem, "trying again");
        self.policy.count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The pause before the next try; nothing if there is none. `jitter` is from 0 to 1.
    fn judge(&self, problem: &Problem, trouble: Duration, jitter: f64) -> Option<Duration> {
        let code = problem.code();
        if !code.retryable() {
            return None;
        }
        let patience = match code.fault() {
            Fault::Account => self.patience.min(WAIT_FOR_OWNER),
            Fault::Caller | Fault::Platform | Fault::Aws => self.patience,
        };
        let asked = problem.asked_retry_after().map_or(Duration::ZERO, |s| Duration::from_secs(u64::from(s)));
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.tries - 1).min(16)).min(LONGEST_PAUSE);
        // Half of it at least: clients that failed together must neither come back together nor at once.
        let pause = doubled.mul_f64(0.5 + jitter / 2.0).max(asked);
        let over = trouble + pause > patience && self.tries >= LEAST_TRIES;
        (!over && asked <= patience).then_some(pause)
    }

    /// The problem with how often and how long it was tried, and what another run would do.
    fn give_up(&self, problem: Problem, trouble: Duration) -> Problem {
        if !problem.code().retryable() {
            return problem;
        }
        let problem = match self.tries {
            1 => problem,
            tries => problem.and(format!("; tried {tries} times in {}", time_text(trouble))),
        };
        let Some(again) = self.policy.again else { return problem };
        match problem.hint().map(str::to_owned) {
            Some(hint) => problem.with_hint(format!("{} {again}", hint.trim_end())),
            None => problem.with_hint(again),
        }
    }
}

/// Whether a problem says that there is too much at once. S3 asks for a lower rate by 503, `SlowDown` or not.
pub fn asks_to_slow_down(problem: &Problem) -> bool {
    matches!(problem.code(), Code::RateLimited | Code::Unavailable)
        || problem.aws_code().is_some_and(|code| Meaning::of(0, code, "") == Meaning::Busy)
}

fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness the pause is merely in step with others.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tries: u32, give_up_after: u64) -> Retries {
        let policy = RetryPolicy::new(Duration::from_secs(give_up_after)).with_hint("Run it again.");
        Retries { tries, ..policy.begin() }
    }

    fn failed() -> Problem {
        Problem::new(Code::StoreFailed, "the bucket did not answer")
    }

    #[test]
    fn pauses_double_with_jitter_up_to_a_limit() {
        let pause = |tries, jitter| {
            after(tries, 600).judge(&failed(), Duration::ZERO, jitter).map(|pause| pause.as_millis())
        };
        assert_eq!((pause(1, 0.0), pause(1, 1.0)), (Some(100), Some(200)));
        assert_eq!((pause(3, 0.0), pause(3, 1.0)), (Some(400), Some(800)));
        assert_eq!((pause(40, 0.0), pause(40, 1.0)), (Some(7_500), Some(15_000)));
    }

    #[test]
    fn the_problem_decides_whether_and_when() {
        let denied = Problem::new(Code::StoreDenied, "no");
        assert_eq!(after(1, 600).judge(&denied, Duration::ZERO, 0.0), None);
        let asks = failed().retry_after(20);
        assert_eq!(after(1, 600).judge(&asks, Duration::ZERO, 0.0), Some(Duration::from_secs(20)));
        assert_eq!(after(1, 10).judge(&asks, Duration::ZERO, 0.0), None, "longer than there is patience");
        let owner = Problem::new(Code::BackendNotReadable, "suspended");
        assert_eq!(after(9, 600).judge(&owner, Duration::from_secs(40), 0.0), None);
        assert!(after(9, 600).judge(&failed(), Duration::from_secs(40), 0.0).is_some());
    }

    #[test]
    fn giving_up_says_how_often_how_long_and_what_next() {
        let long = Duration::from_secs(700);
        assert_eq!(after(9, 600).judge(&failed(), long, 0.0), None);
        assert!(after(2, 600).judge(&failed(), long, 0.0).is_some(), "three tries at least");
        let problem = after(9, 600).give_up(failed().with_aws_code("InternalError"), long);
        insta::assert_snapshot!(
            format!("{problem} | {}", problem.hint().unwrap()),
            @"the bucket did not answer; tried 9 times in 11 min [InternalError] | Run it again."
        );
    }
}
