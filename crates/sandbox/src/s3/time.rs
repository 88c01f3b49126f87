//! The project's timestamps as s3s and HTTP write them.

use firmhold_core::Timestamp;
use s3s::dto;

/// For XML and headers. S3 keeps whole seconds in headers and milliseconds in XML.
pub fn wire(time: Timestamp) -> dto::Timestamp {
    time.to_system_time().into()
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`.
pub fn http_date(time: Timestamp) -> String {
    let mut text = Vec::new();
    // A moment that HTTP cannot write has no header.
    let written = wire(time).format(dto::TimestampFormat::HttpDate, &mut text);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}

/// Rounded down to the second, as HTTP dates are, for comparing with one.
pub fn whole_seconds(time: Timestamp) -> dto::Timestamp {
    wire(Timestamp::from_secs(time.as_secs()))
}

/// From XML or a header; `None` for a moment that cannot be written.
pub fn read(time: &dto::Timestamp) -> Option<Timestamp> {
    let mut text = Vec::new();
    time.format(dto::TimestampFormat::DateTime, &mut text).ok()?;
    Timestamp::parse(std::str::from_utf8(&text).ok()?).ok()
}
