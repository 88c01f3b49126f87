//! What AWS's tables say of actions and condition keys; `None` where they do not know the service.

use crate::tables;

/// Whether a pattern of actions covers any that there is.
pub fn action_exists(pattern: &str) -> Option<bool> {
    let (service, _) = pattern.split_once(':')?;
    knows(service).then(|| !tables::actions_matching(pattern).is_empty())
}

/// Whether there is such a condition key.
pub fn key_exists(key: &str) -> Option<bool> {
    let (prefix, _) = key.split_once(':')?;
    let known = prefix.eq_ignore_ascii_case("aws") || knows(prefix);
    known.then(|| tables::condition_key(key).is_some())
}

/// Whether a request for an action of this pattern can carry the key. A pattern with wildcards does if any of
/// its actions does: what the rest of it makes of the key was not asked for by name.
pub fn can_carry(pattern: &str, key: &str) -> Option<bool> {
    action_exists(pattern).filter(|exists| *exists)?;
    key_exists(key).filter(|exists| *exists)?;
    Some(tables::actions_matching(pattern).iter().any(|action| action.takes(key)))
}

fn knows(service: &str) -> bool {
    tables::services().any(|known| known.eq_ignore_ascii_case(service))
}
