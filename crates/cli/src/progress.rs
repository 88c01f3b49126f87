//! Progress bars, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printer::Printer;

/// A bar of bytes with a label.
pub fn bytes(printer: &Printer, label: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if printer.shows_progress() {
        bar.set_style(
            ProgressStyle::with_template("{msg:>9} {bar:32} {binary_bytes:>11} of {binary_total_bytes} {binary_bytes_per_sec:>12} {eta:>4}")
                .expect("INVARIANT: the template is fixed and parses"),
        );
        bar.set_message(label);
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// A bar of things that are done, of a number that may still grow.
pub fn count(printer: &Printer, label: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if printer.shows_progress() {
        bar.set_style(
            ProgressStyle::with_template("{msg:>9} {bar:32} {pos} of {len} {elapsed}")
                .expect("INVARIANT: the template is fixed and parses"),
        );
        bar.set_message(label);
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// A spinner for a wait of unknown length.
pub fn wait(printer: &Printer, label: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if printer.shows_progress() {
        bar.set_style(
            ProgressStyle::with_template("{msg:>9} {spinner} {elapsed}")
                .expect("INVARIANT: the template is fixed and parses"),
        );
        bar.set_message(label);
        bar.enable_steady_tick(Duration::from_millis(120));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
