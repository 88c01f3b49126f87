//! What an auditor reads of services that the sandbox does not work: a test says how they are set, and they answer that.

mod budgets;
mod config;
pub(crate) mod ec2;
pub(crate) mod guardduty;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::records::{Home, Records, Row};
use crate::service::Service;
use crate::storage::StorageError;

/// Something that a test sets: a list of documents in the form in which the service answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// GuardDuty's detectors: `detectorId`, `status`, `features`, `dataSources`.
    Detectors,
    /// Config's rules: `ConfigRuleName`, `ConfigRuleState`, `Source`.
    ConfigRules,
    /// The status of Config's recorders: `name`, `recording`.
    ConfigRecorders,
    /// EC2's flow logs: `flowLogId`, `flowLogStatus`, `resourceId`.
    FlowLogs,
    /// EC2's VPC endpoints: `vpcEndpointId`, `vpcId`, `serviceName`, `state`.
    VpcEndpoints,
    /// Budgets: `BudgetName`, `BudgetLimit`, `BudgetType`, `TimeUnit`. They belong to no region.
    Budgets,
}

impl Fact {
    fn name(self) -> &'static str {
        match self {
            Self::Detectors => "detectors",
            Self::ConfigRules => "config-rules",
            Self::ConfigRecorders => "config-recorders",
            Self::FlowLogs => "flow-logs",
            Self::VpcEndpoints => "vpc-endpoints",
            Self::Budgets => "budgets",
        }
    }

    fn home<'a>(self, account: &'a str, region: &'a str) -> Home<'a> {
        match self {
            Self::Budgets => Home { account, region: "" },
            _ => Home { account, region },
        }
    }
}

/// The documents of one fact.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Documents(Vec<Value>);

impl Row for Documents {
    const KIND: &'static str = "facts";
}

/// The services.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) records: Records,
}

impl Facts {
    /// Says how it is.
    pub(crate) fn set(
        &self,
        account: &str,
        region: &str,
        fact: Fact,
        documents: Vec<Value>,
    ) -> Result<(), StorageError> {
        self.records.put(fact.home(account, region), fact.name(), &Documents(documents))
    }

    /// How it is in the call's place.
    fn get(&self, call: &Call<'_>, fact: Fact) -> Result<Vec<Value>, AwsError> {
        let home = fact.home(call.home.account, call.home.region);
        Ok(self.records.get::<Documents>(home, fact.name())?.unwrap_or_default().0)
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.service {
            Service::GuardDuty => self.guardduty(call),
            Service::Config => self.config(call),
            Service::Ec2 => self.ec2(call),
            Service::Budgets => self.budgets(call),
            _ => Err(call.unknown()),
        }
    }
}
