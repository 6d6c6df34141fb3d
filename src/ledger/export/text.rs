//! Rows as CSV (RFC 4180) and as JSON lines.

use std::io::{Result, Write};

use super::{Cell, Column};

/// The line of names.
pub(super) fn csv_names(out: &mut impl Write, columns: &[Column]) -> Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    writeln!(out, "{}", names.join(","))
}

/// A row; what is not there is an empty field.
pub(super) fn csv(out: &mut impl Write, cells: &[Cell<'_>]) -> Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Nothing => {}
            Cell::Whole(number) => write!(out, "{number}")?,
            Cell::Real(number) => write!(out, "{number}")?,
            Cell::Money(amount) => write!(out, "{amount}")?,
            Cell::Time(time) => write!(out, "{time}")?,
            // A text that is there is told from one that is not by its quotes.
            Cell::Text(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Cell::Text(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

/// A row as an object.
pub(super) fn json(out: &mut impl Write, columns: &[Column], cells: &[Cell<'_>]) -> Result<()> {
    let value = |cell: &Cell<'_>| match *cell {
        Cell::Nothing => serde_json::Value::Null,
        Cell::Whole(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Money(amount) => amount.to_string().into(),
        Cell::Time(time) => time.to_string().into(),
        Cell::Text(text) => text.into(),
    };
    let row: serde_json::Map<String, serde_json::Value> = columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| (column.name.clone(), value(cell)))
        .collect();
    serde_json::to_writer(&mut *out, &row)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::export::Kind;
    use crate::market::{Money, TimeMs};

    #[test]
    fn a_row_is_quoted_where_it_must_be() {
        let cells = [
            Cell::Text("a \"b\", c\nd"),
            Cell::Nothing,
            Cell::Text(""),
            Cell::Money(Money::from_minor(-5)),
            Cell::Time(TimeMs(1_617_121_200_123)),
        ];
        let mut out = Vec::new();
        csv(&mut out, &cells).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a \"\"b\"\", c\nd\",,\"\",-0.05,2021-03-30T16:20:00.123Z\n"
        );
    }

    #[test]
    fn an_amount_leaves_as_a_text_never_as_a_float() {
        let columns = [Column {
            name: "profit".to_owned(),
            kind: Kind::Money,
        }];
        let mut out = Vec::new();
        json(&mut out, &columns, &[Cell::Money(Money::from_minor(10))]).unwrap();
        assert_eq!(out, b"{\"profit\":\"0.10\"}\n");
    }
}
