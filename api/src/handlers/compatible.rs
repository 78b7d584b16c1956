//! The revenue as existing clients ask for it: dataset `default`, in SGD, amounts as numbers.

use axum::{extract::State, http::Uri};
use jiff::civil::Date;
use ledger::{Currency, Dataset, postgres::DailyRevenue};
use serde::Serialize;

use crate::{
    envelope::{Envelope, Number},
    params::{DateForm, DateRange, Params},
    problem::Problem,
    state::SharedApp,
};

/// Decimals of the average.
const PLACES: u32 = 2;

/// The revenue of a range. The spelling of the second field is the clients'.
#[derive(Debug, Serialize)]
pub(crate) struct Revenue {
    total_revenue_sgd: Number,
    average_order_value_sg: Option<Number>,
}

/// The revenue of a day.
#[derive(Debug, Serialize)]
pub(crate) struct Day {
    date: Date,
    revenue_sgd: Number,
}

/// `GET /api/metrics/revenue/?start=&end=`
pub(crate) async fn revenue(
    State(app): State<SharedApp>,
    uri: Uri,
) -> Result<Envelope<Revenue>, Problem> {
    let (currency, total) = app.total(&Dataset::default(), range(&uri)?).await?;
    in_sgd(currency)?;
    Ok(Envelope::success(Revenue {
        total_revenue_sgd: Number(total.revenue),
        average_order_value_sg: total
            .revenue
            .divide_half_even(total.order_count, PLACES)
            .map(Number),
    }))
}

/// `GET /api/metrics/revenue/daily?start=&end=`
pub(crate) async fn daily(
    State(app): State<SharedApp>,
    uri: Uri,
) -> Result<Envelope<Vec<Day>>, Problem> {
    let (currency, days) = app.days(&Dataset::default(), range(&uri)?).await?;
    in_sgd(currency)?;
    let day = |day: DailyRevenue| Day { date: day.date, revenue_sgd: Number(day.revenue) };
    Ok(Envelope::success(days.into_iter().map(day).collect()))
}

fn range(uri: &Uri) -> Result<DateRange, Problem> {
    Params::any(uri).range(("start", "end"), DateForm::IsoOrMonthFirst)
}

/// SGD is the default currency, and the only one that these paths can name.
fn in_sgd(currency: Option<Currency>) -> Result<(), Problem> {
    match currency {
        Some(other) if other != Currency::default() => Err(Problem::OtherCurrency(other)),
        _ => Ok(()),
    }
}
