//! Placeholders in a file's name, such as `{%Y-%m-%d -1d}`: a template's source and a tick in,
//! the source of one SalesImport out. Pure.
//!
//! A placeholder begins with `{%` and ends with `}`; any other brace is part of the name. In it
//! stand conversions of strftime that are numbers of a fixed width, whatever belongs between
//! them, and perhaps a blank and how many days or hours before or after the tick is meant.

#[cfg(test)]
mod tests;

use k8s_openapi::jiff::{Span, ToSpan as _, Zoned};

use crate::crd::Source;

/// Year, month, day, hour and minute; day of the year; year and number of the week.
const CONVERSIONS: &str = "YymdHMjGV";

/// Why a placeholder can't be filled in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceholderError {
    /// It goes on to the end of the name.
    #[error("The placeholder {0:?} has no end: close it with a brace, as in {{%Y-%m-%d}}.")]
    Open(String),
    /// It holds what is not offered.
    #[error(
        "The placeholder {0:?} can't be filled in: it may hold %Y, %y, %m, %d, %H, %M, %j, %G and \
         %V, and at its end a blank and a shift in days or hours, as in {{%Y-%m-%d -1d}} or \
         {{%Y%m%d%H -2h}}."
    )]
    Unknown(String),
    /// The day is outside the calendar.
    #[error("The placeholder {0:?} leads out of the calendar.")]
    Far(String),
}

/// The source with the placeholders of its name filled in for a tick.
pub(crate) fn filled(source: &Source, tick: &Zoned) -> Result<Source, PlaceholderError> {
    let mut source = source.clone();
    if let Some(http) = &mut source.http {
        http.url = fill(&http.url, tick)?;
    }
    if let Some(name) = source.file_mut() {
        *name = fill(name, tick)?;
    }
    Ok(source)
}

fn fill(name: &str, tick: &Zoned) -> Result<String, PlaceholderError> {
    let mut filled = String::new();
    let mut rest = name;
    while let Some((before, begun)) = rest.split_once("{%") {
        let Some((inside, after)) = begun.split_once('}') else {
            return Err(PlaceholderError::Open(format!("{{%{begun}")));
        };
        filled.push_str(before);
        filled.push_str(&value(&format!("%{inside}"), tick)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(inside: &str, tick: &Zoned) -> Result<String, PlaceholderError> {
    let whole = || format!("{{{inside}}}");
    let (format, shift) = inside.split_once(' ').unwrap_or((inside, "+0d"));
    let shift = span(shift).filter(|_| is_offered(format));
    let shift = shift.ok_or_else(|| PlaceholderError::Unknown(whole()))?;
    let meant = tick.checked_add(shift).map_err(|_| PlaceholderError::Far(whole()))?;
    Ok(meant.strftime(format).to_string())
}

/// Whether each percent sign is followed by a conversion that is offered.
fn is_offered(format: &str) -> bool {
    format.split('%').skip(1).all(|part| part.starts_with(|letter| CONVERSIONS.contains(letter)))
}

/// `-1d`, `+12h`.
fn span(shift: &str) -> Option<Span> {
    let (sign, rest) = shift.split_at_checked(1)?;
    let (digits, unit) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    let is_number =
        (1..=4).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit());
    let count: i64 = is_number.then(|| digits.parse().ok())??;
    let span = match unit {
        "d" => count.days(),
        "h" => count.hours(),
        _ => return None,
    };
    match sign {
        "+" => Some(span),
        "-" => Some(span.negate()),
        _ => None,
    }
}
