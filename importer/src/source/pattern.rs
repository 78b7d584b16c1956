//! A pattern of names, such as `exports/*.csv`: text in, whether a name fits out. Pure.
//!
//! `*` stands for any part of a name but a slash, `**` for any folders, `?` for a letter, `[…]` for
//! one of these. None of them stands for a dot at the beginning: such names are often of something
//! unfinished.

use glob::MatchOptions;

use super::ListError;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What names are to be like.
#[derive(Debug)]
pub(super) struct Pattern(glob::Pattern);

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, ListError> {
        let problem = |error: glob::PatternError| error.msg.to_owned();
        let pattern = glob::Pattern::new(text).map_err(problem);
        let pattern = pattern.and_then(|pattern| match text.rsplit('/').next() {
            None | Some("") => Err("it names no file".to_owned()),
            Some(_) => Ok(pattern),
        });
        pattern.map(Self).map_err(|problem| ListError::Pattern { text: text.into(), problem })
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        self.0.matches_with(name, OPTIONS)
    }

    /// The folder in which everything lies that fits; empty where that is the top.
    pub(super) fn folder(&self) -> &str {
        let text = self.0.as_str();
        let plain = &text[..text.find(['*', '?', '[']).unwrap_or(text.len())];
        plain.rfind('/').map_or("", |slash| &plain[..slash])
    }

    /// Whether anything that fits may lie deeper than in that folder.
    pub(super) fn is_deep(&self) -> bool {
        self.0.as_str()[self.folder().len()..].trim_start_matches('/').contains('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_names_by_folders_and_leaves_hidden_ones_out() {
        for (pattern, fits, fits_not) in [
            ("*.csv", vec!["a.csv", "é 1.csv"], vec!["a/b.csv", ".a.csv", "a.csv.gz", "A.CSV"]),
            ("in/*.csv", vec!["in/a.csv"], vec!["a.csv", "in/b/a.csv", "in/.a.csv"]),
            ("in/**/*.csv", vec!["in/a.csv", "in/b/c/a.csv"], vec!["in/.b/a.csv", "inn/a.csv"]),
            ("in/a.csv", vec!["in/a.csv"], vec!["in/b.csv"]),
            ("[[]1].csv", vec!["[1].csv"], vec!["1.csv"]),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert!(fits.iter().all(|name| pattern.fits(name)), "{pattern:?} {fits:?}");
            assert!(!fits_not.iter().any(|name| pattern.fits(name)), "{pattern:?} {fits_not:?}");
        }
    }

    #[test]
    fn only_what_may_fit_is_looked_into() {
        for (pattern, folder, is_deep) in [
            ("*.csv", "", false),
            ("in/2025/*.csv", "in/2025", false),
            ("in/2025-*/*.csv", "in", true),
            ("**/*.csv", "", true),
            ("in/a.csv", "in", false),
            ("a.csv", "", false),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!((pattern.folder(), pattern.is_deep()), (folder, is_deep), "{pattern:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["", "in/", "a***", "in/**x", "[a"] {
            let message = Pattern::new(text).unwrap_err().to_string();
            assert!(message.contains("can't be used"), "{message}");
        }
    }
}
