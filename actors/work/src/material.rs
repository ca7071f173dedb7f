//! What a goal is about, as whoever judges an answer reads it for himself.

use serde::{Deserialize, Serialize};

/// A source that was read for a second look: a table as typed columns, or a document as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Material {
    /// A table.
    Table(Columns),
    /// A document; Markdown or plain text.
    Document(Document),
}

/// A document as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The name of its file.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A table, column by column. Every column has as many cells as the table has rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The name of its file.
    pub name: String,
    /// How many rows it has.
    pub rows: usize,
    /// The columns in their order.
    pub columns: Vec<Column>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name as the file writes it.
    pub name: String,
    /// The unit of its numbers, where name or cells give one: `EUR`, `%`, `kg`.
    #[serde(default)]
    pub unit: Option<String>,
    /// What stands in it.
    pub cells: Cells,
}

/// The cells of a column; none where one is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cells {
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Texts as written.
    Texts(Vec<Option<String>>),
    /// Dates in ISO form, with a time where the file has one: `2025-03-09`, `2025-03-09T14:00`.
    Dates(Vec<Option<String>>),
}

impl Material {
    /// A file for whoever judges what rests on it: as the first reader has it that knows its kind, else as the text that it is.
    ///
    /// # Errors
    /// In a sentence why it cannot be read.
    pub fn read<'r>(
        readers: impl IntoIterator<Item = &'r dyn Reader>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Self, String> {
        let mut readers = readers.into_iter();
        if let Some(read) = readers.find_map(|reader| reader.read(name, &bytes)) {
            return read;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::Document(Document {
                name: name.to_owned(),
                text,
            })),
            Err(_) => Err(format!("{name} is neither a table nor a text in UTF-8")),
        }
    }
}

/// Reads sources of one kind. Pure: bytes in, what they hold out.
pub trait Reader: Send + Sync {
    /// The source in a file of this name; none where it is of another kind.
    ///
    /// # Errors
    /// In a sentence why it cannot be read.
    fn read(&self, name: &str, bytes: &[u8]) -> Option<Result<Material, String>>;
}
