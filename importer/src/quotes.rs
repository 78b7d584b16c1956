//! The bytes of a record in; out, whether its quotes leave a doubt where it ends.
//!
//! A quote that is never closed swallows the lines behind it up to the next quote, which then
//! stands before text: `"a,1↵2,"b"` would be one field, and the sales within it lost without a
//! word. A quoted field of one line with text behind its quote is no such doubt.

/// Where in a record the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    BehindQuote,
}

/// Follows one record's quotes.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    place: Place,
    spans_lines: bool,
    doubtful: bool,
}

impl Quotes {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, place: Place::FieldStart, spans_lines: false, doubtful: false }
    }

    /// A record starts here.
    pub(crate) fn start(&mut self) {
        *self = Self::new(self.delimiter);
    }

    /// Whether a quoted field of several lines has text behind its closing quote.
    pub(crate) fn are_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Takes the record's next bytes in.
    pub(crate) fn follow(&mut self, bytes: &[u8]) {
        let mut at = 0;
        for quote in memchr::memchr_iter(b'"', bytes) {
            self.pass(&bytes[at..quote]);
            self.place = match self.place {
                Place::FieldStart => {
                    self.spans_lines = false;
                    Place::Quoted
                }
                Place::Quoted => Place::BehindQuote,
                Place::BehindQuote => Place::Quoted,
                Place::Unquoted => Place::Unquoted,
            };
            at = quote + 1;
        }
        self.pass(&bytes[at..]);
    }

    /// Passes over bytes without a quote.
    fn pass(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return };
        let ends_field = |byte: &u8| *byte == self.delimiter || b"\r\n".contains(byte);
        if self.place == Place::Quoted {
            self.spans_lines |= memchr::memchr2(b'\r', b'\n', bytes).is_some();
            return;
        }
        self.doubtful |= self.place == Place::BehindQuote && self.spans_lines && !ends_field(first);
        self.place = if ends_field(last) { Place::FieldStart } else { Place::Unquoted };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In one piece and byte by byte: both must agree.
    fn doubtful(record: &str) -> bool {
        let mut whole = Quotes::new(b',');
        whole.follow(record.as_bytes());
        let mut pieces = Quotes::new(b',');
        record.as_bytes().chunks(1).for_each(|piece| pieces.follow(piece));
        assert_eq!(whole.are_doubtful(), pieces.are_doubtful(), "{record:?}");
        whole.are_doubtful()
    }

    #[test]
    fn quotes_around_whole_fields_leave_no_doubt() {
        for record in [
            "",
            "a,b\n",
            "\"a\",\"b\"\n",
            "\"a\nb\",c\n",
            "\"a\r\n\"\"b\"\"\n\",\"\"\r\n",
            "\"a,\n\"",
            "5\" pipe,\"a\nb\"\n",
            "a\"\nb\",c",
            "\"5\" pipe\",c\n",
            ",\"\n\",\n",
        ] {
            assert!(!doubtful(record), "{record:?}");
        }
    }

    #[test]
    fn text_behind_a_quoted_field_of_several_lines_is_doubtful() {
        for record in
            ["3/1/2025,\"a,1\n3/2/2025,\"b\",2\n", "\"a\n\" b,c\n", "x,\"\r\"x", "\"a\"\"\n\"b"]
        {
            assert!(doubtful(record), "{record:?}");
        }
    }

    #[test]
    fn each_record_is_followed_by_itself() {
        let mut quotes = Quotes::new(b',');
        quotes.follow(b"\"a\nb\"c\n");
        assert!(quotes.are_doubtful());
        quotes.start();
        quotes.follow(b"a,b\n");
        assert!(!quotes.are_doubtful());
    }
}
