//! An outcome in, its JSON document out: never more than [`MAX_BYTES`], whatever texts it has.

use super::{MAX_BYTES, Outcome};

const MAX_MESSAGE_BYTES: usize = 600;
const MAX_NAME_BYTES: usize = 120;
const MAX_EXAMPLES: usize = 5;

impl Outcome {
    /// The JSON document, one line, at most [`MAX_BYTES`]: texts and lists are capped first,
    /// then the lists go, then the message shrinks.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut capped = self.capped();
        for shrink in [Self::drop_half_of_lists, Self::drop_lists, Self::halve_message] {
            let json = capped.plain_json();
            if json.len() <= MAX_BYTES {
                return json;
            }
            shrink(&mut capped);
        }
        while capped.plain_json().len() > MAX_BYTES && !capped.message.is_empty() {
            capped.halve_message();
        }
        capped.plain_json()
    }

    fn plain_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn capped(&self) -> Self {
        let mut capped = self.clone();
        cut(&mut capped.message, MAX_MESSAGE_BYTES);
        capped.rejects.truncate(MAX_EXAMPLES);
        capped.conflicts.truncate(MAX_EXAMPLES);
        for reject in &mut capped.rejects {
            cut(&mut reject.column, MAX_NAME_BYTES);
            cut(&mut reject.value, MAX_NAME_BYTES);
        }
        for conflict in &mut capped.conflicts {
            cut(&mut conflict.order_id, MAX_NAME_BYTES);
        }
        if let Some(existing) = &mut capped.existing {
            cut(&mut existing.filename, MAX_NAME_BYTES);
            cut(&mut existing.requested_by, MAX_NAME_BYTES);
        }
        capped
    }

    fn drop_half_of_lists(&mut self) {
        self.rejects.truncate(MAX_EXAMPLES / 2);
        self.conflicts.truncate(MAX_EXAMPLES / 2);
    }

    fn drop_lists(&mut self) {
        self.rejects.clear();
        self.conflicts.clear();
    }

    fn halve_message(&mut self) {
        let half = self.message.len() / 2;
        cut(&mut self.message, half);
    }
}

/// Cuts a text to at most so many bytes, at a character's edge.
fn cut(text: &mut String, bytes: usize) {
    text.truncate(text.floor_char_boundary(bytes));
}
