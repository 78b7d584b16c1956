//! The revenue of a dataset: a range as a whole, and day by day. Decimals are strings.

use axum::{Json, extract::State, http::Uri};
use jiff::civil::Date;
use ledger::{Currency, Dataset, Decimal};
use serde::Serialize;

use crate::{
    params::{DateForm, DateRange, Params},
    problem::Problem,
    state::SharedApp,
};

/// Decimals of averages.
const PLACES: u32 = 4;
const KNOWN: &[&str] = &["from", "to", "dataset"];

/// The figures of a range or a day.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    revenue: Decimal,
    order_count: u64,
    line_count: u64,
    /// Per distinct order.
    average_order_value: Option<Decimal>,
    average_line_value: Option<Decimal>,
}

/// The revenue of a range.
#[derive(Debug, Serialize)]
pub(crate) struct Revenue {
    dataset: Dataset,
    from: Date,
    to: Date,
    /// Empty where the dataset holds no sales.
    currency: Option<Currency>,
    #[serde(flatten)]
    figures: Figures,
}

/// The revenue of each day that has sales, ascending.
#[derive(Debug, Serialize)]
pub(crate) struct Daily {
    dataset: Dataset,
    from: Date,
    to: Date,
    currency: Option<Currency>,
    data: Vec<Day>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// The revenue of a day.
#[derive(Debug, Serialize)]
struct Day {
    date: Date,
    #[serde(flatten)]
    figures: Figures,
}

/// `GET /api/v1/revenue?from=&to=&dataset=`
pub(crate) async fn revenue(
    State(app): State<SharedApp>,
    uri: Uri,
) -> Result<Json<Revenue>, Problem> {
    let (dataset, range) = asked(&uri)?;
    let (currency, total) = app.total(&dataset, range).await?;
    let figures = Figures::of(total.revenue, total.order_count, total.line_count);
    Ok(Json(Revenue { dataset, from: range.first, to: range.last, currency, figures }))
}

/// `GET /api/v1/revenue/daily?from=&to=&dataset=`
pub(crate) async fn daily(State(app): State<SharedApp>, uri: Uri) -> Result<Json<Daily>, Problem> {
    let (dataset, range) = asked(&uri)?;
    let (currency, days) = app.days(&dataset, range).await?;
    let data = days.into_iter().map(|day| Day {
        date: day.date,
        figures: Figures::of(day.revenue, day.order_count, day.line_count),
    });
    Ok(Json(Daily {
        dataset,
        from: range.first,
        to: range.last,
        currency,
        data: data.collect(),
        has_more: false,
        next_cursor: None,
    }))
}

impl Figures {
    fn of(revenue: Decimal, order_count: u64, line_count: u64) -> Self {
        Self {
            revenue,
            order_count,
            line_count,
            average_order_value: revenue.divide_half_even(order_count, PLACES),
            average_line_value: revenue.divide_half_even(line_count, PLACES),
        }
    }
}

fn asked(uri: &Uri) -> Result<(Dataset, DateRange), Problem> {
    let params = Params::only(uri, KNOWN)?;
    Ok((params.dataset()?, params.range(("from", "to"), DateForm::Iso)?))
}
