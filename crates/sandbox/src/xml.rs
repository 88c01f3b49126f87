//! A writer for the small XML documents of AWS's answers.

use bytes::Bytes;
use quick_xml::escape::escape;

/// A document in the making. Names come from the program, never from a request; texts are escaped.
pub(crate) struct Xml(String);

impl Xml {
    /// With an XML declaration, as S3 sends.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Without one, as the query protocol's services send.
    pub(crate) fn bare() -> Self {
        Self(String::new())
    }

    pub(crate) fn open(&mut self, name: &str) -> &mut Self {
        self.tag("<", name, ">")
    }

    pub(crate) fn open_in(&mut self, name: &str, namespace: &str) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push_str(" xmlns=\"");
        self.0.push_str(&escape(namespace));
        self.0.push_str("\">");
        self
    }

    pub(crate) fn close(&mut self, name: &str) -> &mut Self {
        self.tag("</", name, ">")
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.open(name);
        // XML 1.0 has no way to write most control characters, not even escaped.
        let writable: String =
            value.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect();
        self.0.push_str(&escape(&writable));
        self.close(name)
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from(self.0)
    }

    fn tag(&mut self, start: &str, name: &str, end: &str) -> &mut Self {
        self.0.push_str(start);
        self.0.push_str(name);
        self.0.push_str(end);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut xml = Xml::bare();
        xml.open("A").text("B", "<&>\"\u{1}").close("A");
        assert_eq!(xml.into_bytes(), "<A><B>&lt;&amp;&gt;&quot;</B></A>");
    }
}
