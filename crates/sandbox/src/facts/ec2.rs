//! EC2: flow logs and VPC endpoints (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/>). Filters are not read.

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use super::{Fact, Facts};
use crate::call::{Answer, Call};
use crate::xml::Xml;

impl Facts {
    pub(super) fn ec2(&self, call: &Call<'_>) -> Answer {
        let (fact, set) = match call.action {
            "DescribeFlowLogs" => (Fact::FlowLogs, "flowLogSet"),
            "DescribeVpcEndpoints" => (Fact::VpcEndpoints, "vpcEndpointSet"),
            _ => return Err(call.unknown()),
        };
        call.authorize("*", None, &[])?;
        Ok(json!({set: Value::Array(self.get(call, fact)?)}))
    }
}

/// The answer to an action, as EC2 writes it.
pub(crate) fn respond(action: &str, namespace: &str, request_id: &str, output: &Value) -> Response<Bytes> {
    let root = format!("{action}Response");
    let mut xml = Xml::document();
    xml.open_in(&root, namespace).text("requestId", request_id);
    write(&mut xml, output);
    xml.close(&root);
    let mut response = Response::new(xml.into_bytes());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

/// Fields become elements, and what is in a list becomes an `item`.
fn write(xml: &mut Xml, value: &Value) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        match value {
            Value::Array(items) => {
                xml.open(name);
                for item in items {
                    write_one(xml, "item", item);
                }
                xml.close(name);
            }
            value => write_one(xml, name, value),
        }
    }
}

fn write_one(xml: &mut Xml, name: &str, value: &Value) {
    match value {
        Value::Object(_) => {
            xml.open(name);
            write(xml, value);
            xml.close(name);
        }
        Value::String(text) => {
            xml.text(name, text);
        }
        other => {
            xml.text(name, &other.to_string());
        }
    }
}
