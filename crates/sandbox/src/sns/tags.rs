//! TagResource, ListTagsForResource.

use super::topic::Topic;
use super::{Answer, Sns, SnsCall};
use crate::aws_error::AwsError;
use crate::query::tag_keys;

const MAX_TAGS: usize = 50;

impl Sns {
    pub(super) fn tag_resource(&self, call: &SnsCall<'_>) -> Answer {
        let tags = call.params.tags()?;
        let topic = self.authorized_with(call, "ResourceArn", &tag_keys(&tags))?;
        self.records.change(topic.home(), &topic.name, |row: &mut Option<Topic>| {
            let topic = row.as_mut().ok_or_else(not_found)?;
            topic.tags.extend(tags);
            match topic.tags.len() <= MAX_TAGS {
                true => Ok(()),
                false => Err(AwsError::new(400, "TagLimitExceeded", "A topic has at most 50 tags.")),
            }
        })?;
        call.respond(|_| {})
    }

    pub(super) fn list_tags_for_resource(&self, call: &SnsCall<'_>) -> Answer {
        let topic = self.authorized(call, "ResourceArn")?;
        call.respond(|xml| {
            xml.open("Tags");
            for (key, value) in &topic.tags {
                xml.open("member").text("Key", key).text("Value", value).close("member");
            }
            xml.close("Tags");
        })
    }
}

fn not_found() -> AwsError {
    AwsError::new(404, "ResourceNotFound", "Resource does not exist")
}
