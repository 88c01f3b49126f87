//! What happens after an answer, apart from the request: events are recorded and offered to rules, requests are
//! counted, alarms are evaluated. One thread does all of it, in the order in which answers were given.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cloudtrail::{CloudTrail, Happening};
use crate::cloudwatch::{CloudWatch, S3Request};
use crate::events::Events;
use crate::storage::StorageError;

/// How often alarms are looked at while nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// Answers that are worked as one.
const BATCH: usize = 256;

/// One answered request.
pub(crate) struct Observation {
    pub(crate) happening: Option<Happening>,
    pub(crate) s3: Option<S3Request>,
}

enum Message {
    Observed(Box<Observation>),
    /// Answered when all that came before is worked, and the alarms are as the time has it.
    Settle(Sender<()>),
    Stop,
}

/// Tells the observer things.
#[derive(Clone)]
pub(crate) struct Settle(Sender<Message>);

impl Settle {
    /// A request was answered.
    pub(crate) fn tell(&self, observation: Observation) {
        // After the end there is nobody to tell.
        let _ = self.0.send(Message::Observed(Box::new(observation)));
    }

    /// Waits until all that was told is worked. Blocks; never called by what the observer itself does.
    pub(crate) fn settle(&self) {
        let (done, wait) = mpsc::channel();
        if self.0.send(Message::Settle(done)).is_ok() {
            // An error means that the observer has ended: there is nothing to wait for.
            let _ = wait.recv();
        }
    }
}

/// The running observer. It ends when it is dropped.
pub(crate) struct Observer {
    settle: Settle,
    thread: Option<JoinHandle<()>>,
}

/// What the observer works with.
pub(crate) struct Parts {
    pub(crate) cloudtrail: CloudTrail,
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) events: Events,
}

/// A way to tell an observer that does not run yet.
pub(crate) struct Waiting {
    settle: Settle,
    receiver: Receiver<Message>,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { settle: Settle(sender), receiver }
    }

    pub(crate) fn settle(&self) -> Settle {
        self.settle.clone()
    }

    /// Starts the observer.
    pub(crate) fn start(self, parts: Parts) -> std::io::Result<Observer> {
        let receiver = self.receiver;
        let thread = std::thread::Builder::new()
            .name("sandbox-observer".to_owned())
            .spawn(move || parts.run(&receiver))?;
        Ok(Observer { settle: self.settle, thread: Some(thread) })
    }
}

impl Observer {
    pub(crate) fn handle(&self) -> Settle {
        self.settle.clone()
    }

    /// Works what was told, and ends. Blocks.
    pub(crate) fn stop(mut self) {
        let _ = self.settle.0.send(Message::Stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the observer panicked");
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.settle.0.send(Message::Stop);
    }
}

impl Parts {
    fn run(&self, receiver: &Receiver<Message>) {
        report(self.forget());
        loop {
            let (mut observed, mut waiting, mut stop) = (Vec::new(), Vec::new(), false);
            let mut sort = |message| match message {
                Message::Observed(observation) => observed.push(*observation),
                Message::Settle(done) => waiting.push(done),
                Message::Stop => stop = true,
            };
            match receiver.recv_timeout(TICK) {
                Ok(message) => sort(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for message in receiver.try_iter().take(BATCH) {
                sort(message);
            }
            report(self.work(&observed));
            for done in waiting {
                // Who asked may have gone.
                let _ = done.send(());
            }
            if stop {
                return;
            }
        }
    }

    fn work(&self, observed: &[Observation]) -> Result<(), StorageError> {
        let events = self.cloudtrail.record(observed.iter().filter_map(|one| one.happening.as_ref()))?;
        for event in self.cloudtrail.take(&events)? {
            self.events.offer(event)?;
        }
        self.cloudwatch.count(observed.iter().filter_map(|one| one.s3.as_ref()))?;
        match self.cloudwatch.evaluate()? {
            true => self.forget(),
            false => Ok(()),
        }
    }

    /// What is so old that nobody is told of it any more need not be kept.
    fn forget(&self) -> Result<(), StorageError> {
        self.cloudtrail.forget()?;
        self.cloudwatch.forget()
    }
}

fn report(done: Result<(), StorageError>) {
    if let Err(error) = done {
        tracing::error!(error = &error as &dyn std::error::Error, "what happened cannot be recorded");
    }
}
