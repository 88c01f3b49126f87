//! How patient a command is with lines, stores and servers that fail.

use std::time::Duration;

use clap::Args;

use crate::quantity;
use crate::retry::RetryPolicy;

/// What a person at a terminal waits for.
const AT_A_TERMINAL: Duration = Duration::from_secs(30);
/// A request without progress for so long is broken off, unless an option says otherwise.
const STALL: Duration = Duration::from_secs(60);

/// Options on bad lines.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Give up when nothing has got through for so long: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", env = "FIRMHOLD_GIVE_UP_AFTER", default_value = "10m",
          value_parser = quantity::time)]
    pub give_up_after: Duration,
    /// Break a request off, and repeat it, when it has not moved for so long
    #[arg(long, value_name = "TIME", env = "FIRMHOLD_STALL_AFTER", default_value = "60s",
          value_parser = quantity::time)]
    pub stall_after: Duration,
}

/// The patience in force.
#[derive(Debug, Clone)]
pub struct Network {
    /// When to try again, and for how long.
    pub retry: RetryPolicy,
    /// See [`NetworkArgs::stall_after`].
    pub stall_after: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { retry: RetryPolicy::new(AT_A_TERMINAL), stall_after: STALL }
    }
}

impl Network {
    /// For a transfer that can be run again; `again` says what that does.
    pub fn of(args: &NetworkArgs, again: &'static str) -> Self {
        Self { retry: RetryPolicy::new(args.give_up_after).with_hint(again), stall_after: args.stall_after }
    }
}
