//! Rows as Parquet: amounts as DECIMAL(18, 2), times as UTC timestamps in milliseconds.

use std::fs::File;
use std::io::{Error, Result};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{Cell, Column, Kind};

/// Rows in a group.
const GROUP: usize = 50_000;

/// A file being written, a group of rows at a time.
pub(super) struct Sheet {
    writer: SerializedFileWriter<File>,
    columns: Vec<Values>,
    rows: usize,
}

/// The values of a column in the present group: those that are there, and for each row whether it is.
struct Values {
    stored: Stored,
    is_there: Vec<i16>,
}

enum Stored {
    Whole(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Sheet {
    pub(super) fn new(file: File, columns: &[Column]) -> Result<Self> {
        let fields = columns
            .iter()
            .map(|column| field(column).map(Arc::new))
            .collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("ledger")
            .with_fields(fields)
            .build()
            .map_err(Error::other)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            writer: writer.map_err(Error::other)?,
            columns: columns
                .iter()
                .map(|column| Values::new(column.kind))
                .collect(),
            rows: 0,
        })
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.add(cell);
        }
        self.rows += 1;
        if self.rows == GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(Error::other)?;
        for column in &mut self.columns {
            let Some(mut out) = group.next_column().map_err(Error::other)? else {
                return Err(Error::other("a column too many"));
            };
            let levels = Some(column.is_there.as_slice());
            match &column.stored {
                Stored::Whole(values) => out.typed::<Int64Type>().write_batch(values, levels, None),
                Stored::Real(values) => out.typed::<DoubleType>().write_batch(values, levels, None),
                Stored::Text(values) => out
                    .typed::<ByteArrayType>()
                    .write_batch(values, levels, None),
            }
            .map_err(Error::other)?;
            out.close().map_err(Error::other)?;
            column.clear();
        }
        group.close().map_err(Error::other)?;
        self.rows = 0;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<File> {
        self.write_group()?;
        self.writer.into_inner().map_err(Error::other)
    }
}

fn field(column: &Column) -> Result<Type> {
    let (physical, logical) = match column.kind {
        Kind::Whole => (Physical::INT64, None),
        Kind::Real => (Physical::DOUBLE, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Money => (Physical::INT64, Some(LogicalType::decimal(2, 18))),
        Kind::Time => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
    };
    let mut builder = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    if column.kind == Kind::Money {
        builder = builder.with_precision(18).with_scale(2);
    }
    builder.build().map_err(Error::other)
}

impl Values {
    fn new(kind: Kind) -> Self {
        Self {
            stored: match kind {
                Kind::Whole | Kind::Money | Kind::Time => Stored::Whole(Vec::new()),
                Kind::Real => Stored::Real(Vec::new()),
                Kind::Text => Stored::Text(Vec::new()),
            },
            is_there: Vec::new(),
        }
    }

    fn add(&mut self, cell: &Cell<'_>) {
        let stored = match (&mut self.stored, *cell) {
            (Stored::Whole(values), Cell::Whole(number)) => push(values, number),
            (Stored::Whole(values), Cell::Money(amount)) => push(values, amount.minor()),
            (Stored::Whole(values), Cell::Time(time)) => push(values, time.0),
            (Stored::Real(values), Cell::Real(number)) => push(values, number),
            (Stored::Text(values), Cell::Text(text)) => push(values, text.into()),
            _ => 0,
        };
        self.is_there.push(stored);
    }

    fn clear(&mut self) {
        self.is_there.clear();
        match &mut self.stored {
            Stored::Whole(values) => values.clear(),
            Stored::Real(values) => values.clear(),
            Stored::Text(values) => values.clear(),
        }
    }
}

fn push<T>(values: &mut Vec<T>, value: T) -> i16 {
    values.push(value);
    1
}
