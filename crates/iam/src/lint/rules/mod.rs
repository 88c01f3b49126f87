//! The rules: a file each, in the order in which documents are read.

mod condition_key;
mod external_id_missing;
mod external_id_optional;
mod lifecycle_rule_without_action;
mod not_known_yet;
mod placeholder;
mod refused;
mod requests_denied;
mod t01;
mod t02;
mod t03;
mod t04;
mod t05;
mod t06;
mod t07;
mod t08;
mod t09;
mod t10;
mod t11;
mod t12;
mod t13;
mod t14;
mod t15;
mod t16;
mod t17;
mod t18;
mod t21;
mod t24;
mod t25;
mod t26;
mod t27;
mod t28;
mod t29;
mod t33;
mod t35;
mod t36;
mod t37;
mod t40;
mod t43;
mod t44;
mod unknown_action;
mod wildcard_principal;

use super::finding::Severity;
use super::subject::{Report, Scene};

/// A rule: what it looks for, why, and what to do.
#[derive(Debug)]
pub struct Rule {
    /// `T01` … `T44`, or a name that stays.
    pub id: &'static str,
    /// Of its findings, unless one says otherwise.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What AWS does, and why that harms.
    pub aws: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Pages of AWS that it rests on.
    pub pages: &'static [&'static str],
    pub(crate) check: fn(&Scene<'_>, &mut Report<'_>),
}

impl Rule {
    /// Whether it speaks of documents that there is nothing of.
    pub(crate) fn is_of_missing(&self) -> bool {
        self.id == not_known_yet::RULE.id
    }
}

static RULES: [&Rule; 42] = [
    &refused::RULE,
    &placeholder::RULE,
    &unknown_action::RULE,
    &condition_key::RULE,
    &wildcard_principal::RULE,
    &external_id_optional::RULE,
    &requests_denied::RULE,
    &t01::RULE,
    &t02::RULE,
    &t03::RULE,
    &t04::RULE,
    &t05::RULE,
    &t06::RULE,
    &t07::RULE,
    &t08::RULE,
    &t09::RULE,
    &t10::RULE,
    &lifecycle_rule_without_action::RULE,
    &t11::RULE,
    &t12::RULE,
    &t13::RULE,
    &t14::RULE,
    &t15::RULE,
    &t16::RULE,
    &t17::RULE,
    &t18::RULE,
    &t21::RULE,
    &t24::RULE,
    &t25::RULE,
    &t26::RULE,
    &t27::RULE,
    &t28::RULE,
    &t29::RULE,
    &t33::RULE,
    &t35::RULE,
    &t36::RULE,
    &t37::RULE,
    &t40::RULE,
    &t43::RULE,
    &t44::RULE,
    &external_id_missing::RULE,
    &not_known_yet::RULE,
];

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied()
}
