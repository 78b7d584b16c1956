//! Encodings, marks and characters that are not what they look like.

use importer::encoding::Encoding;
use ledger::{RejectReason::*, outcome::Reason};

use super::{check, trap};

#[tokio::test]
async fn a_mark_says_the_encoding_and_is_no_part_of_the_text() {
    let shop = check([
        trap("utf8-mark.csv").loads(2, "3"),
        trap("utf8-mark-and-quoted-header.csv").loads(1, "1"),
        trap("spreadsheet-unicode-text.csv").loads(2, "3"),
        trap("mark-twice.csv").loads(1, "1"),
        trap("utf16le-mark.csv").loads(2, "3"),
        trap("utf16be-mark.csv").loads(2, "3"),
        trap("utf16le-mark.csv")
            .read_as(|format| format.encoding = Encoding::Utf16Le)
            .loads(2, "3"),
        trap("utf16le-mark.csv")
            .read_as(|format| format.encoding = Encoding::Utf16Be)
            .refuses(Reason::InvalidFile, "declared as utf-16be, but begins with"),
        trap("utf8-mark-declared-otherwise.csv")
            .read_as(|format| format.encoding = Encoding::Windows1252)
            .refuses(Reason::InvalidFile, "declared as windows-1252, but begins with"),
        trap("utf32-mark.csv").refuses(Reason::InvalidFile, "UTF-32"),
    ])
    .await;
    let names = "SELECT DISTINCT name FROM takings.product WHERE name LIKE 'Caf%'";
    assert_eq!(shop.sql(names), "Café\nCafé 👍");
}

#[tokio::test]
async fn an_encoding_without_a_mark_is_declared_or_refused() {
    let shop = check([
        trap("utf16le-no-mark.csv").refuses(Reason::InvalidFile, "declare utf-16le"),
        trap("utf16be-no-mark.csv").refuses(Reason::InvalidFile, "declare utf-16be"),
        trap("utf16le-no-mark.csv")
            .read_as(|format| format.encoding = Encoding::Utf16Le)
            .loads(2, "3"),
        trap("utf16be-no-mark.csv")
            .read_as(|format| format.encoding = Encoding::Utf16Be)
            .loads(2, "3"),
        trap("windows1252.csv")
            .loads(1, "2")
            .rejects(&[(2, "Item name", InvalidUtf8), (4, "Item name", InvalidUtf8)]),
        trap("windows1252.csv")
            .read_as(|format| format.encoding = Encoding::Windows1252)
            .loads(3, "7"),
        trap("not-utf8-in-the-header.csv").refuses(Reason::InvalidHeader, "format.encoding"),
    ])
    .await;
    let names = "SELECT DISTINCT name FROM takings.product WHERE name ~ '^(Café$|5)' ORDER BY 1";
    assert_eq!(shop.sql(names), "5 € note\nCafé");
}

#[tokio::test]
async fn what_is_no_text_rejects_the_line_where_it_is_read() {
    check([
        trap("utf16le-cut-within-a-character.csv").loads(1, "1").rejects(&[(
            3,
            "Item Total",
            InvalidUtf8,
        )]),
        trap("not-utf8-in-an-unread-column.csv").loads(2, "3"),
        trap("nul.csv").loads(1, "2").rejects(&[(2, "Item name", NulCharacter)]),
    ])
    .await;
}

#[tokio::test]
async fn characters_that_look_like_others_are_not_taken_for_them() {
    check([
        trap("mark-within-a-field.csv").loads(2, "5").rejects(&[(3, "Item Total", InvalidNumber)]),
        trap("unusual-spaces-around-values.csv").loads(2, "3"),
        trap("digits-of-other-scripts.csv")
            .loads(1, "4")
            .rejects(&[(2, "Item Total", InvalidNumber), (3, "Sale Date", InvalidDate)]),
        trap("smart-quotes.csv").loads(1, "1").rejects(&[(3, "", WrongFieldCount)]),
    ])
    .await;
}
