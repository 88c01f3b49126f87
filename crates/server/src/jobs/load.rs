//! What this process is at, by which it is decided what it takes next: nobody's slow bucket may take all workers.

use std::collections::HashMap;

use tokio::task::Id;

use super::Job;

/// Jobs at once.
pub(super) const WORKERS: usize = 10;
/// Of one organization at most.
const OF_ORGANIZATION: usize = 5;
/// Of one kind in one organization at most: while all of these wait for a store, its other jobs go on.
const OF_KIND_IN_ORGANIZATION: usize = 4;
/// Of one kind at most.
const OF_KIND: usize = 8;

/// The jobs that run, by their tasks.
#[derive(Debug, Default)]
pub(super) struct Load(HashMap<Id, Job>);

impl Load {
    /// A job runs from now on.
    pub(super) fn begin(&mut self, task: Id, job: Job) {
        self.0.insert(task, job);
    }

    /// A job's task has ended.
    pub(super) fn end(&mut self, task: Id) {
        self.0.remove(&task);
    }

    /// The ids of all, as `|one|another|`.
    pub(super) fn running(&self) -> String {
        list(self.0.values().map(|job| job.id.to_string()))
    }

    /// Kinds, organizations, and kinds in organizations of which no more are to begin, as `|one|another|`.
    pub(super) fn full(&self) -> String {
        let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
        for job in self.0.values() {
            for (what, most) in [
                (job.kind.clone(), OF_KIND),
                (job.organization.to_string(), OF_ORGANIZATION),
                (format!("{} {}", job.kind, job.organization), OF_KIND_IN_ORGANIZATION),
            ] {
                counts.entry(what).or_insert((0, most)).0 += 1;
            }
        }
        list(counts.into_iter().filter(|(_, (count, most))| count >= most).map(|(what, _)| what))
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.fold("|".to_owned(), |list, item| list + &item + "|")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_has_its_share_is_full() {
        let mut load = Load::default();
        let mut tasks = Vec::new();
        let mut begin = async |load: &mut Load, kind: &str, organization: u128| {
            let task = tokio::spawn(async {});
            load.begin(task.id(), job(kind, organization));
            tasks.push(task);
        };
        for _ in 0..3 {
            begin(&mut load, "hash", 1).await;
        }
        assert_eq!(load.full(), "|");
        begin(&mut load, "hash", 1).await;
        assert_eq!(load.full(), format!("|hash {}|", Uuid::from_u128(1)));
        begin(&mut load, "import", 1).await;
        assert!(load.full().contains(&format!("|{}|", Uuid::from_u128(1))), "{}", load.full());
        for _ in 0..4 {
            begin(&mut load, "hash", 2).await;
        }
        assert!(load.full().contains("|hash|"), "{}", load.full());
        let first = tasks[0].id();
        load.end(first);
        assert!(!load.full().contains("|hash|"), "{}", load.full());
        assert_eq!(load.running().matches('|').count(), 9);
    }

    fn job(kind: &str, organization: u128) -> Job {
        Job {
            id: Uuid::new_v4(),
            kind: kind.to_owned(),
            organization: Uuid::from_u128(organization),
            subject: Uuid::nil(),
            payload: serde_json::Value::Null,
            attempts: 1,
        }
    }
}
