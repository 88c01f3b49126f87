//! Budgets: which there are, and a new one
//! (<https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html>).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Documents, Fact, Facts};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};

/// Budgets of an account that calls may make.
const MAX_BUDGETS: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateBudget {
    account_id: String,
    budget: Map<String, Value>,
}

impl Facts {
    pub(super) fn budgets(&self, call: &Call<'_>) -> Answer {
        match call.action {
            "DescribeBudgets" => {
                let account = call.input.get("AccountId").and_then(Value::as_str).unwrap_or_default();
                call.authorize_as("ViewBudget", &arn(account, "*"), None, &[])?;
                own(call, account)?;
                Ok(json!({"Budgets": self.get(call, Fact::Budgets)?}))
            }
            "CreateBudget" => self.create_budget(call),
            _ => Err(call.unknown()),
        }
    }

    fn create_budget(&self, call: &Call<'_>) -> Answer {
        let CreateBudget { account_id, budget } = call.input()?;
        let name = budget.get("BudgetName").and_then(Value::as_str).unwrap_or_default().to_owned();
        call.authorize_as("ModifyBudget", &arn(&account_id, &name), None, &[])?;
        own(call, &account_id)?;
        for needed in ["BudgetName", "TimeUnit", "BudgetType"] {
            if budget.get(needed).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(invalid(&format!("Budget.{needed} must be given")));
            }
        }
        let home = Fact::Budgets.home(call.home.account, call.home.region);
        self.records.change(home, Fact::Budgets.name(), |documents: &mut Option<Documents>| {
            let documents = &mut documents.get_or_insert_default().0;
            if documents.iter().any(|known| known.get("BudgetName") == budget.get("BudgetName")) {
                let message = format!("Error creating budget: {name} - the budget already exists.");
                return Err(AwsError::new(400, "DuplicateRecordException", message));
            }
            if documents.len() >= MAX_BUDGETS {
                let message = format!("Budgets of an account: {MAX_BUDGETS} at most.");
                return Err(AwsError::new(400, "CreationLimitExceededException", message));
            }
            documents.push(Value::Object(budget));
            Ok(())
        })?;
        Ok(json!({}))
    }
}

fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:budgets::{account}:budget/{name}")
}

fn own(call: &Call<'_>, account: &str) -> Result<(), AwsError> {
    match account == call.home.account {
        true => Ok(()),
        false => Err(AwsError::new(
            400,
            "AccessDeniedException",
            "Account is not authorized to perform this operation on another account's budgets.",
        )),
    }
}

fn invalid(message: &str) -> AwsError {
    AwsError::new(400, "InvalidParameterException", message)
}
