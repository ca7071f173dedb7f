//! The cells of one column, in as few bytes as they need.
//!
//! A column whose cells repeat is held as its different cells and a small code per row, so that each different cell is read once; one
//! whose cells mostly differ is held as the places of its cells. Either way a row costs a few bytes, all of them set aside before they
//! are held, and a row without a value at the end of a column costs none.

use super::keyed::Keyed;
use super::missing::is_missing;
use crate::Error;
use crate::note::{Note, NoteKind};
use aios_tools::{Reserved, WorkspaceError};

/// Rows after which it is first asked whether cells repeat, in a narrow table and in a wide one; it is asked again at each doubling. All
/// columns together hold no more different cells before than this many.
const LOOK: usize = 16_384;
const LOOK_WIDE: usize = 256;
const LOOKED_AT: usize = 262_144;
/// Of so many rows at least one must repeat an earlier cell's text for codes to be worth while: a fourth of the rows may differ.
const REPEATS: usize = 4;
/// Slots of the smallest index of different cells.
const SLOTS: usize = 64;

/// The characters that cells are places in: the file's text, and behind it those of cells that had to be unquoted.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) unquoted: String,
}

/// A source, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Characters<'t> {
    text: &'t str,
    unquoted: &'t str,
}

impl Source {
    pub(crate) fn characters(&self) -> Characters<'_> {
        Characters::of(&self.text, &self.unquoted)
    }
}

impl<'t> Characters<'t> {
    pub(crate) fn of(text: &'t str, unquoted: &'t str) -> Self {
        Self { text, unquoted }
    }

    pub(crate) fn get(self, place: Place) -> &'t str {
        let (start, end) = (place.start as usize, place.end as usize);
        let text = match start.checked_sub(self.text.len()) {
            Some(behind) if end > self.text.len() => {
                self.unquoted.get(behind..end - self.text.len())
            }
            _ => self.text.get(start..end),
        };
        text.unwrap_or_default()
    }
}

/// Where a cell's text starts and ends in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// The cell without a value.
    const MISSING: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
    };

    /// A place; none where the table is larger than places can tell.
    pub(crate) fn new(start: usize, end: usize) -> Option<Self> {
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        (end < u32::MAX).then_some(Self { start, end })
    }
}

/// The cells of one column.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Rows after which it is asked whether cells repeat.
    look: usize,
    filled: u64,
    store: Store,
    /// Missing cells that hold a marker instead of nothing, as first written.
    markers: Vec<(String, u64)>,
}

#[derive(Debug)]
enum Store {
    /// Each different cell once, in the order they first appear, and which one a row has.
    Codes {
        index: Index,
        different: Vec<Coded>,
        codes: Codes,
    },
    /// A place per row.
    Places(Vec<Place>),
}

impl Default for Store {
    fn default() -> Self {
        Self::Codes {
            index: Index::default(),
            different: Vec::new(),
            codes: Codes::Short(Vec::new()),
        }
    }
}

/// Where the different cells are found by their texts: slots that hold one more than the place of a cell, or 0. A cell is in the first free
/// slot from the one on that its hash names.
#[derive(Debug, Default)]
struct Index(Vec<u16>);

impl Index {
    /// The different cell that holds `text`, if it is known.
    fn find(
        &self,
        hash: u64,
        text: &str,
        different: &[Coded],
        source: Characters<'_>,
    ) -> Option<u16> {
        let mask = self.0.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let code = self.0.get(slot)?.checked_sub(1)?;
            let known = different.get(usize::from(code))?;
            if known.hash == part(hash) && source.get(known.place) == text {
                return Some(code);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Takes the last different cell in. At least half of the slots stay free.
    fn insert(
        &mut self,
        hash: u64,
        different: &[Coded],
        held: &mut Reserved,
    ) -> Result<(), WorkspaceError> {
        if different.len() * 2 > self.0.len() {
            let (before, slots) = (self.0.len(), (self.0.len() * 4).max(SLOTS));
            held.grow((slots * size_of::<u16>()) as u64)?;
            self.0 = vec![0; slots];
            held.shrink((before * size_of::<u16>()) as u64);
            for (code, known) in different.iter().enumerate() {
                self.put(known.hash.into(), code);
            }
        } else {
            self.put(hash, different.len() - 1);
        }
        Ok(())
    }

    fn put(&mut self, hash: u64, code: usize) {
        let mask = self.0.len() - 1;
        let mut slot = hash as usize & mask;
        while self.0.get(slot).is_some_and(|taken| *taken != 0) {
            slot = (slot + 1) & mask;
        }
        if let Some(free) = self.0.get_mut(slot) {
            *free = u16::try_from(code + 1).unwrap_or(u16::MAX);
        }
    }
}

/// The part of a hash that is kept with a cell: more bits than there are slots.
fn part(hash: u64) -> u32 {
    hash as u32
}

/// Per row a position among the different cells; the largest number stands for a missing one.
#[derive(Debug)]
enum Codes {
    Short(Vec<u8>),
    Long(Vec<u16>),
}

#[derive(Clone, Copy, Debug)]
struct Coded {
    place: Place,
    count: u32,
    /// The first row that holds it.
    row: u32,
    /// A part of its text's hash.
    hash: u32,
}

/// One of the different cells of a column, or one of its cells where they mostly differ.
pub(crate) struct Different<'t> {
    pub(crate) text: &'t str,
    pub(crate) count: u64,
    /// The first row that holds it.
    pub(crate) row: usize,
}

impl<'t> Different<'t> {
    fn known(known: &Coded, source: Characters<'t>) -> Self {
        Self {
            text: source.get(known.place),
            count: u64::from(known.count),
            row: known.row as usize,
        }
    }

    /// The cell of one row, where there is one.
    fn single(row: usize, place: Place, source: Characters<'t>) -> Option<Self> {
        (place != Place::MISSING).then(|| Self {
            text: source.get(place),
            count: 1,
            row,
        })
    }
}

impl Codes {
    fn len(&self) -> usize {
        match self {
            Self::Short(codes) => codes.len(),
            Self::Long(codes) => codes.len(),
        }
    }

    fn get(&self, row: usize) -> Option<usize> {
        match self {
            Self::Short(codes) => codes
                .get(row)
                .filter(|code| **code != u8::MAX)
                .map(|code| usize::from(*code)),
            Self::Long(codes) => codes
                .get(row)
                .filter(|code| **code != u16::MAX)
                .map(|code| usize::from(*code)),
        }
    }

    /// Adds a code below 65,535, or none.
    fn push(&mut self, code: Option<u16>, held: &mut Reserved) -> Result<(), WorkspaceError> {
        if let (Self::Short(short), Some(code)) = (&mut *self, code)
            && code >= u16::from(u8::MAX)
        {
            held.grow(2 * short.len() as u64)?;
            let mut long: Vec<u16> = Vec::with_capacity(short.len());
            long.extend(short.iter().map(|code| match *code {
                u8::MAX => u16::MAX,
                code => u16::from(code),
            }));
            held.release(std::mem::take(short));
            *self = Self::Long(long);
        }
        match self {
            Self::Short(codes) => {
                let code = code.and_then(|code| u8::try_from(code).ok());
                held.push(codes, code.unwrap_or(u8::MAX))
            }
            Self::Long(codes) => held.push(codes, code.unwrap_or(u16::MAX)),
        }
    }
}

impl Cells {
    /// An empty column of a table with so many.
    pub(crate) fn of_columns(columns: usize) -> Self {
        Self {
            look: (LOOKED_AT / columns.max(1)).clamp(LOOK_WIDE, LOOK),
            filled: 0,
            store: Store::default(),
            markers: Vec::new(),
        }
    }

    /// Takes the cell of a row; rows come in order, and one that is left out has no value.
    pub(super) fn push(
        &mut self,
        row: usize,
        place: Place,
        source: Characters<'_>,
        key: &Keyed,
        held: &mut Reserved,
    ) -> Result<(), WorkspaceError> {
        let text = source.get(place);
        if text.is_empty() {
            return Ok(());
        }
        // What is known as a cell with a value is none without one.
        let (hash, known) = match &self.store {
            Store::Codes {
                index, different, ..
            } => {
                let hash = key.of(text);
                (hash, index.find(hash, text, different, source))
            }
            Store::Places(_) => (0, None),
        };
        if known.is_none() && is_missing(text) {
            match self.markers.iter_mut().find(|(marker, _)| marker == text) {
                Some((_, count)) => *count += 1,
                None => self.markers.push((text.to_owned(), 1)),
            }
            return Ok(());
        }
        self.filled += 1;
        match &mut self.store {
            Store::Places(places) => {
                while places.len() < row {
                    held.push(places, Place::MISSING)?;
                }
                held.push(places, place)
            }
            Store::Codes {
                index,
                different,
                codes,
            } => {
                while codes.len() < row {
                    codes.push(None, held)?;
                }
                let code = match known {
                    Some(code) => code,
                    None => {
                        // Below the number that means none.
                        let code = u16::try_from(different.len()).unwrap_or(u16::MAX - 1);
                        let new = Coded {
                            place,
                            count: 0,
                            row: u32::try_from(row).unwrap_or(u32::MAX),
                            hash: part(hash),
                        };
                        held.push(different, new)?;
                        index.insert(hash, different, held)?;
                        code
                    }
                };
                if let Some(known) = different.get_mut(usize::from(code)) {
                    known.count += 1;
                }
                codes.push(Some(code), held)?;
                let rows = row + 1;
                let differ =
                    rows >= self.look && rows.is_power_of_two() && different.len() * REPEATS > rows;
                if differ || different.len() >= usize::from(u16::MAX) {
                    self.spread(held)?;
                }
                Ok(())
            }
        }
    }

    /// Goes over to a place per row.
    fn spread(&mut self, held: &mut Reserved) -> Result<(), WorkspaceError> {
        let Store::Codes {
            different, codes, ..
        } = &self.store
        else {
            return Ok(());
        };
        let mut places = Vec::new();
        for row in 0..codes.len() {
            let place = codes
                .get(row)
                .and_then(|code| different.get(code))
                .map_or(Place::MISSING, |known| known.place);
            held.push(&mut places, place)?;
        }
        let before = std::mem::replace(&mut self.store, Store::Places(places));
        if let Store::Codes {
            index,
            different,
            codes,
        } = before
        {
            held.release(index.0);
            held.release(different);
            match codes {
                Codes::Short(codes) => held.release(codes),
                Codes::Long(codes) => held.release(codes),
            }
        }
        Ok(())
    }

    /// Forgets what only `push` needs.
    pub(crate) fn finish(&mut self, held: &mut Reserved) {
        if let Store::Codes { index, .. } = &mut self.store {
            held.release(std::mem::take(&mut index.0));
        }
    }

    /// Cells that hold a value.
    pub(crate) fn filled(&self) -> u64 {
        self.filled
    }

    /// Whether any cell holds anything, be it only a marker.
    pub(crate) fn is_untouched(&self) -> bool {
        self.filled == 0 && self.markers.is_empty()
    }

    /// The different cells with how often they occur, or every cell by itself where they mostly differ; in order of appearance.
    pub(crate) fn different<'t>(
        &'t self,
        source: Characters<'t>,
    ) -> Box<dyn Iterator<Item = Different<'t>> + 't> {
        match &self.store {
            Store::Codes { different, .. } => {
                let all = different.iter();
                Box::new(all.map(move |known| Different::known(known, source)))
            }
            Store::Places(places) => {
                let all = places.iter().enumerate();
                Box::new(all.filter_map(move |(row, place)| Different::single(row, *place, source)))
            }
        }
    }

    /// Shows `see` the same, one after the other, until it fails.
    pub(super) fn each<'t, E>(
        &'t self,
        source: Characters<'t>,
        mut see: impl FnMut(usize, &Different<'t>) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.store {
            Store::Codes { different, .. } => {
                for (at, known) in different.iter().enumerate() {
                    see(at, &Different::known(known, source))?;
                }
            }
            Store::Places(places) => {
                let mut at = 0;
                for (row, place) in places.iter().enumerate() {
                    if let Some(cell) = Different::single(row, *place, source) {
                        see(at, &cell)?;
                        at += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the cell of a row is.
    pub(crate) fn place(&self, row: usize) -> Option<Place> {
        let place = match &self.store {
            Store::Codes {
                different, codes, ..
            } => different.get(codes.get(row)?)?.place,
            Store::Places(places) => *places.get(row)?,
        };
        (place != Place::MISSING).then_some(place)
    }

    /// The cell of a row.
    pub(crate) fn text<'t>(&self, row: usize, source: Characters<'t>) -> Option<&'t str> {
        Some(source.get(self.place(row)?))
    }

    /// The rows whose cell is such a text, at most `most`. Each different cell is asked about once where cells repeat.
    pub(crate) fn rows_where(
        &self,
        source: Characters<'_>,
        most: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<usize> {
        match &self.store {
            Store::Codes {
                different, codes, ..
            } => {
                let hits: Vec<bool> = different
                    .iter()
                    .map(|known| wanted(source.get(known.place)))
                    .collect();
                if !hits.contains(&true) {
                    return Vec::new();
                }
                let hit = |row: &usize| {
                    let code = codes.get(*row);
                    code.and_then(|code| hits.get(code)).is_some_and(|hit| *hit)
                };
                (0..codes.len()).filter(hit).take(most).collect()
            }
            Store::Places(places) => {
                let filled = places.iter().enumerate();
                let filled = filled.filter(|(_, place)| **place != Place::MISSING);
                filled
                    .filter(|(_, place)| wanted(source.get(**place)))
                    .map(|(row, _)| row)
                    .take(most)
                    .collect()
            }
        }
    }

    /// The position of a row's cell among the different ones, where there are codes.
    pub(crate) fn code(&self, row: usize) -> Option<usize> {
        match &self.store {
            Store::Codes { codes, .. } => codes.get(row),
            Store::Places(_) => None,
        }
    }

    /// How many different cells there are codes for.
    pub(crate) fn coded(&self) -> Option<usize> {
        match &self.store {
            Store::Codes { different, .. } => Some(different.len()),
            Store::Places(_) => None,
        }
    }

    /// The markers that stand for a missing cell.
    pub(crate) fn marker_note(&self, name: &str) -> Option<Note> {
        let told: Vec<String> = self
            .markers
            .iter()
            .map(|(marker, count)| format!("{count} x {marker:?}"))
            .collect();
        let count = self.markers.iter().map(|(_, count)| count).sum();
        let note = || {
            Note {
                count,
                ..Note::new(
                    NoteKind::Missing,
                    format!("counted as missing: {}", told.join(", ")),
                )
            }
            .about(name)
        };
        (!told.is_empty()).then(note)
    }
}

/// Appends to the unquoted cells, in steps that are set aside first.
pub(super) fn keep(content: &str, unquoted: &mut String, held: &mut Reserved) -> Result<(), Error> {
    let (room, needed) = (unquoted.capacity(), unquoted.len() + content.len());
    if needed > room {
        let more = needed.max(room + room / 2).max(4_096);
        held.grow(more as u64)?;
        unquoted.reserve_exact(more - unquoted.len());
        held.shrink(room as u64);
    }
    unquoted.push_str(content);
    Ok(())
}
