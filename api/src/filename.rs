//! The name that a client gives its file: kept for people to recognise, never used as a path.

/// Longest name kept, in bytes.
const MAX_BYTES: usize = 255;
/// The name of a file that has none.
const NAMELESS: &str = "upload";

/// The last part of the name, without control characters, of at most [`MAX_BYTES`].
pub(crate) fn sanitized(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean: String = last.chars().filter(|c| !c.is_control()).collect();
    clean.truncate(clean.floor_char_boundary(MAX_BYTES));
    match clean.trim() {
        "" | "." | ".." => NAMELESS.into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path_nor_a_second_line() {
        for (name, kept) in [
            ("march.csv", "march.csv"),
            ("März 2025.csv", "März 2025.csv"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\me\march.csv", "march.csv"),
            ("march.csv\r\nSet-Cookie: a=b", "march.csvSet-Cookie: a=b"),
            ("a\0b.csv", "ab.csv"),
            ("", NAMELESS),
            ("..", NAMELESS),
            ("/", NAMELESS),
            ("dir/", NAMELESS),
        ] {
            assert_eq!(sanitized(name), kept, "{name:?}");
        }
        assert_eq!(sanitized(&"é".repeat(400)).len(), 254);
    }
}
