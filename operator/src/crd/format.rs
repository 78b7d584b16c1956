//! How a SalesImport's file is to be read. A field's comment starts with its name in JSON and says
//! what holds where it is not set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the file is to be read. A byte order mark and a first line such as `sep=;` are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Format {
    /// encoding: how characters are encoded: `UTF-8` (default), `UTF-16LE`, `UTF-16BE` or
    /// `Windows-1252`. UTF-16 with a byte order mark needs no declaration.
    pub encoding: Encoding,
    /// delimiter: the one ASCII character between two fields, such as `;` or a tab. Default: a
    /// comma, a semicolon, a tab or a bar, whichever the header shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": r"self.matches('^[\t !#-,/:-@\\[-`{-~]$')",
        "message": "The delimiter is one ASCII character such as a comma; not a quote, a point, a dash, a letter or a digit.",
    }]))]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: Option<String>,
    /// comment: one ASCII character that makes a line a comment where it is the line's first, such
    /// as `#`. Default: there are no comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": r"self.matches('^[!#-*/:-@\\[-^`{-~]$')",
        "message": "The comment is one ASCII character such as #; not a quote, a comma, a point, a plus, a dash, an underscore, a letter or a digit.",
    }]))]
    #[schemars(length(min = 1, max = 1))]
    pub comment: Option<String>,
    /// skipLines: how many lines stand before the header, whatever they hold. Default 0, at most
    /// 1000.
    #[schemars(range(min = 0, max = 1_000), extend("format" = "int32"))]
    pub skip_lines: u32,
    /// dateOrder: what stands first in a date such as 3/4/2025: `MonthFirst` (default),
    /// `DayFirst` or `YearFirst`. It is a declaration: a line with a date that does not fit is
    /// rejected. `Auto` reads a file twice and takes the order that all its dates prove; where they
    /// prove none, the file is refused (also one from `http`, which comes only once). 2025-03-04
    /// fits always.
    pub date_order: DateOrder,
    /// columns: the names of the columns in the file's header; upper and lower case, underscores
    /// and spaces are alike. Those of the sale date, the order id and the total must be there; the
    /// others may be missing where they have their default names.
    pub columns: Columns,
    /// aliases: further names of those columns, for files that are not all alike. A file's header
    /// must hold exactly one of a field's names. Default: none.
    pub aliases: Aliases,
}

/// How characters are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// Also where nothing is said.
    #[default]
    #[serde(rename = "UTF-8")]
    Utf8,
    /// The low byte first.
    #[serde(rename = "UTF-16LE")]
    Utf16Le,
    /// The high byte first.
    #[serde(rename = "UTF-16BE")]
    Utf16Be,
    /// What Windows calls ANSI in western Europe.
    #[serde(rename = "Windows-1252")]
    Windows1252,
}

/// What stands first in a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DateOrder {
    /// 3/14/2025.
    #[default]
    MonthFirst,
    /// 14/3/2025.
    DayFirst,
    /// 2025/3/14.
    YearFirst,
    /// Whichever the whole file proves.
    Auto,
}

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $field:ident, $name:literal = $header:literal,)+) => {
        /// The names of the columns in the file's header.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        pub struct Columns {
            $($(#[doc = $doc])+ #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\n]*[^\s_][^\n]*$"))] pub $field: String,)+
        }

        /// Further names of the columns.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        pub struct Aliases {
            $(#[doc = concat!($name, ": at most 16 further names.")]
            #[serde(skip_serializing_if = "Vec::is_empty")]
            #[schemars(length(max = 16), inner(length(min = 1, max = 256), regex(pattern = r"^[^\n]*[^\s_][^\n]*$")))] pub $field: Vec<String>,)+
        }

        impl Format {
            /// Each field whose column has another name than in the sales report, or several:
            /// its name in JSON, and one of the column's names in the file's header.
            #[must_use]
            pub fn named_columns(&self) -> Vec<(&'static str, &str)> {
                let mut named = Vec::new();
                $(if self.columns.$field != $header || !self.aliases.$field.is_empty() {
                    named.push(($name, self.columns.$field.as_str()));
                    named.extend(self.aliases.$field.iter().map(|alias| ($name, alias.as_str())));
                })+
                named
            }
        }

        impl Default for Columns {
            fn default() -> Self {
                Self { $($field: $header.into(),)+ }
            }
        }
    };
}

columns! {
    /// saleDate: the day of the sale. Default `Sale Date`.
    sale_date, "saleDate" = "Sale Date",
    /// orderId: the order, unique within the dataset. Default `Sale ID`.
    order_id, "orderId" = "Sale ID",
    /// product: what was sold. Default `Item name`.
    product, "product" = "Item name",
    /// location: where. Default `Location`.
    location, "location" = "Location",
    /// paymentMethod: how it was paid. Default `Payment Method`.
    payment_method, "paymentMethod" = "Payment Method",
    /// client: who bought. Default `Client ID`.
    client, "client" = "Client ID",
    /// quantity: how many, negative on a refund. Default `Quantity`.
    quantity, "quantity" = "Quantity",
    /// unitPrice: the price of one, tax excluded. Default `Item price (excluding tax)`.
    unit_price, "unitPrice" = "Item price (excluding tax)",
    /// total: the revenue of the line, tax included. Default `Item Total`.
    total, "total" = "Item Total",
}
