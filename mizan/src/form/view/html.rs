/// HTML that is being written. Whatever is put into it is text: tags and names of attributes are
/// the code's.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Begins an element; what comes next are its attributes.
    pub(super) fn open(&mut self, tag: &'static str) -> &mut Self {
        self.0.push('<');
        self.0.push_str(tag);
        self
    }

    pub(super) fn attr(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.escape(value);
        self.0.push('"');
        self
    }

    /// An attribute that may be missing.
    pub(super) fn maybe(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.attr(name, value);
        }
        self
    }

    /// An attribute that is there or not.
    pub(super) fn flag(&mut self, name: &'static str, is_there: bool) -> &mut Self {
        self.maybe(name, is_there.then_some(""))
    }

    /// Ends the attributes.
    pub(super) fn end(&mut self) -> &mut Self {
        self.0.push('>');
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.escape(text);
        self
    }

    pub(super) fn close(&mut self, tag: &'static str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
        self
    }

    /// Each text is a paragraph.
    pub(super) fn paragraphs(&mut self, texts: &[String]) -> &mut Self {
        for text in texts {
            self.open("p").end().text(text).close("p");
        }
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                letter => self.0.push(letter),
            }
        }
    }
}
