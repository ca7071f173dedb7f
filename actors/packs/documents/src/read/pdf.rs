//! The text of a PDF, page by page and line by line.
//!
//! A PDF says where each piece of text is put on a page; lines and words are found by that. Text that is drawn to be invisible is no content.
//! The file is opened on a thread of its own, whose stack is large and whose panics end there; what it unpacks to is bounded stream by
//! stream and in all.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use aios_tools::WorkspaceError;
use lopdf::content::Content;
use lopdf::{Dictionary, Document as Pdf, Encoding, LoadOptions, Object, ObjectId};

use super::Source;
use super::text::is_labelled;
use crate::document::{Builder, Document, Kind};
use crate::place::{Mark, Place};

/// Stack of the thread that reads: nested objects are read by recursion, to a depth that the parser bounds.
const STACK: usize = 64 << 20;
/// Bytes that one stream of objects may unpack to.
const OBJECTS: usize = 32 << 20;
/// Objects that a file may hold for each of its bytes: an object has at least seven.
const BYTES_OF_OBJECT: usize = 4;
/// Bytes of one page's drawing.
const DRAWING: usize = 8 << 20;
/// What an operation of a drawing takes beside its bytes.
const HELD_OF_DRAWING: u64 = 150;
/// How many times the file all drawings may unpack to, and so much besides.
const TIMES: usize = 64;
const BESIDES: usize = 16 << 20;
/// Bytes of what says which letters a font has.
const LETTERS: usize = 256 << 10;
/// Bytes of a string that are turned into letters at once; all lengths of codes divide it.
const PIECE: usize = 60;

/// Whether these bytes are a PDF; something may stand before its mark.
pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(1_024)).unwrap_or_default();
    head.windows(5).any(|window| window == b"%PDF-")
}

pub(super) fn read(
    source: &Source<'_>,
    bytes: &[u8],
    mut out: Builder,
) -> Result<Document, WorkspaceError> {
    if is_encrypted(bytes) {
        return Err(source.refuse("is an encrypted PDF; save it without a password"));
    }
    let objects = bytes.len() as u64;
    // Objects as they are held take several times their bytes.
    out.held().grow(objects.saturating_mul(4))?;
    let pdf = load(bytes).map_err(|problem| source.refuse(problem))?;
    let pages = pdf.get_pages();
    if pages.is_empty() {
        return Err(source.refuse("is a PDF without pages"));
    }
    let mut left = bytes.len().saturating_mul(TIMES).saturating_add(BESIDES);
    for (number, page) in pages {
        (source.check)()?;
        out.section(1, "", Mark::Page(number))?;
        let place = Place {
            lines: None,
            ..out.here(1)
        };
        let most = left.min(DRAWING);
        let drawing = match pdf.get_page_content_with_limit(page, most) {
            Ok(drawing) => drawing,
            Err(_) => {
                out.unread(place, "the page is too large to be read");
                continue;
            }
        };
        left = left.saturating_sub(drawing.len());
        let held = (drawing.len() as u64).saturating_mul(HELD_OF_DRAWING);
        out.held().grow(held)?;
        let before = out.text_len();
        // Fonts and drawings are others' bytes too.
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
            draw(&pdf, page, &drawing, number, &mut out)
        }));
        match caught {
            Ok(Ok(())) => {}
            Ok(Err(Broken::Ours(error))) => return Err(error),
            Ok(Err(Broken::Page(problem))) => out.unread(place.clone(), &problem),
            Err(_) => out.unread(place.clone(), "the page cannot be read"),
        }
        out.end()?;
        out.held().shrink(held);
        // An empty page says nothing; one with pictures may.
        if out.text_len() == before && has_pictures(&pdf, page) {
            out.unread(
                place,
                "the page has pictures and no text; it was probably scanned",
            );
        }
    }
    out.finish()
}

thread_local! {
    static ROOM: Cell<usize> = const { Cell::new(0) };
}

/// Keeps an object as long as there is room for all of them.
fn within(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let left = ROOM.get().checked_sub(weight(object, 0))?;
    ROOM.set(left);
    // A stream stays where it is, whatever is given back; only what came in a stream of objects is taken from here.
    let kept = match object {
        Object::Stream(_) => Object::Null,
        other => other.clone(),
    };
    Some((id, kept))
}

fn weight(object: &Object, depth: usize) -> usize {
    const EACH: usize = 64;
    if depth > 64 {
        return EACH;
    }
    EACH + match object {
        Object::String(bytes, _) | Object::Name(bytes) => bytes.len(),
        Object::Array(list) => list.iter().map(|one| weight(one, depth + 1)).sum(),
        Object::Dictionary(members) => members_weight(members, depth),
        Object::Stream(stream) => stream.content.len() + members_weight(&stream.dict, depth),
        _ => 0,
    }
}

fn members_weight(members: &Dictionary, depth: usize) -> usize {
    members
        .iter()
        .map(|(name, one)| name.len() + 64 + weight(one, depth + 1))
        .sum()
}

fn load(bytes: &[u8]) -> Result<Pdf, String> {
    let room = bytes
        .len()
        .saturating_mul(TIMES / BYTES_OF_OBJECT)
        .saturating_add(BESIDES);
    let read = || {
        ROOM.set(room);
        let options = LoadOptions {
            filter: Some(within),
            max_decompressed_size: Some(OBJECTS.min(room)),
            ..LoadOptions::default()
        };
        Pdf::load_mem_with_options(bytes, options)
    };
    let read = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("pdf".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, read)
            .map_err(|error| format!("cannot be read now: {error}"))?;
        thread
            .join()
            .map_err(|_| "is a PDF that cannot be read".to_owned())
    })?;
    read.map_err(|error| format!("is a PDF that cannot be read: {error}"))
}

/// Whether the file is locked. The name may be written with escapes.
fn is_encrypted(bytes: &[u8]) -> bool {
    let wanted = b"Encrypt";
    let names = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    for (at, _) in names {
        let mut rest = bytes.get(at + 1..).unwrap_or_default();
        let mut same = true;
        for letter in wanted {
            let (found, taken) = match rest {
                [b'#', high, low, ..] => {
                    let digit = |byte: &u8| char::from(*byte).to_digit(16);
                    match (digit(high), digit(low)) {
                        (Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
                        _ => (b'#', 1),
                    }
                }
                [byte, ..] => (*byte, 1),
                [] => (0, 0),
            };
            if found != *letter {
                same = false;
                break;
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        let ends = rest
            .first()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if same && ends {
            return true;
        }
    }
    false
}

fn has_pictures(pdf: &Pdf, page: ObjectId) -> bool {
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let Ok((resources, ids)) = pdf.get_page_resources(page) else {
            return false;
        };
        let shared = ids.iter().filter_map(|id| pdf.get_dictionary(*id).ok());
        let mut all = resources.into_iter().chain(shared);
        all.any(|resources| resources.has(b"XObject"))
    }));
    caught.unwrap_or(false)
}

enum Broken {
    /// There is no room, or nobody waits any more.
    Ours(WorkspaceError),
    /// The page is to blame.
    Page(String),
}

impl From<WorkspaceError> for Broken {
    fn from(error: WorkspaceError) -> Self {
        Self::Ours(error)
    }
}

/// A font as far as its text is concerned.
struct Font<'p> {
    encoding: Encoding<'p>,
    /// Widths of letters in thousandths, from the first on; empty for fonts that say it otherwise.
    widths: Vec<f32>,
    first: i64,
    /// Bytes of a letter's code.
    bytes: usize,
}

impl Font<'_> {
    fn width(&self, string: &[u8]) -> f32 {
        if self.widths.is_empty() {
            return (string.len() / self.bytes) as f32 * 0.5;
        }
        let width = |byte: &u8| {
            let at = usize::try_from(i64::from(*byte) - self.first).ok();
            at.and_then(|at| self.widths.get(at))
                .copied()
                .unwrap_or(500.0)
                / 1_000.0
        };
        string.iter().map(width).sum()
    }
}

fn fonts<'p>(pdf: &'p Pdf, page: ObjectId) -> Result<BTreeMap<Vec<u8>, Font<'p>>, Broken> {
    let found = pdf
        .get_page_fonts(page)
        .map_err(|error| Broken::Page(format!("the fonts of the page cannot be read: {error}")))?;
    let fonts = found.into_iter().filter_map(|(name, font)| {
        let encoding = font.get_font_encoding_with_limit(pdf, LETTERS).ok()?;
        let widths = font
            .get_deref(b"Widths", pdf)
            .and_then(Object::as_array)
            .map(|widths| {
                let width = |one: &Object| one.as_float().unwrap_or(500.0);
                widths.iter().take(256).map(width).collect()
            })
            .unwrap_or_default();
        let composite = font
            .get(b"Subtype")
            .and_then(Object::as_name)
            .is_ok_and(|kind| kind == b"Type0");
        let font = Font {
            encoding,
            widths,
            first: font.get(b"FirstChar").and_then(Object::as_i64).unwrap_or(0),
            bytes: 1 + usize::from(composite),
        };
        Some((name, font))
    });
    Ok(fonts.collect())
}

/// A place on a page: across and up.
#[derive(Debug, Clone, Copy, Default)]
struct Matrix {
    scale: f32,
    x: f32,
    y: f32,
}

/// The state of a drawing as far as its text is concerned.
#[derive(Clone, Copy)]
struct State {
    size: f32,
    leading: f32,
    render: i64,
    /// Brightness of what is drawn, from 0 to 1.
    light: f32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            size: 1.0,
            leading: 0.0,
            render: 0,
            light: 0.0,
        }
    }
}

struct Drawing<'d, 'p> {
    fonts: &'d BTreeMap<Vec<u8>, Font<'p>>,
    font: Option<&'d Font<'p>>,
    state: State,
    saved: Vec<State>,
    line: Matrix,
    at: Matrix,
    /// Where the text that was shown last ended, and how large it was.
    last: Option<(Matrix, f32)>,
    lines: Lines<'d>,
    hidden: bool,
    undecoded: usize,
}

fn draw(
    pdf: &Pdf,
    page: ObjectId,
    drawing: &[u8],
    number: u32,
    out: &mut Builder,
) -> Result<(), Broken> {
    let fonts = fonts(pdf, page)?;
    let content = Content::decode(drawing)
        .map_err(|error| Broken::Page(format!("the page cannot be read: {error}")))?;
    let mut drawing = Drawing {
        fonts: &fonts,
        font: None,
        state: State::default(),
        saved: Vec::new(),
        line: Matrix::default(),
        at: Matrix::default(),
        last: None,
        lines: Lines {
            out,
            text: String::new(),
            number: 0,
        },
        hidden: false,
        undecoded: 0,
    };
    for operation in &content.operations {
        drawing.take(&operation.operator, &operation.operands)?;
    }
    drawing.lines.end()?;
    let (hidden, undecoded) = (drawing.hidden, drawing.undecoded);
    let place = Place {
        page: Some(number),
        lines: None,
        ..out.here(1)
    };
    if hidden {
        out.hidden(place.clone(), "text that is drawn to be invisible");
    }
    if undecoded > 0 {
        out.unread(place, "some text is in a font whose letters are not told");
    }
    Ok(())
}

fn number(operands: &[Object], at: usize) -> f32 {
    let number = operands.get(at).and_then(|one| one.as_float().ok());
    number.filter(|number| number.is_finite()).unwrap_or(0.0)
}

impl Drawing<'_, '_> {
    fn take(&mut self, operator: &str, operands: &[Object]) -> Result<(), Broken> {
        let number = |at: usize| number(operands, at);
        match operator {
            "q" if self.saved.len() < 1_024 => self.saved.push(self.state),
            "Q" => self.state = self.saved.pop().unwrap_or(self.state),
            "BT" => {
                self.line = Matrix {
                    scale: 1.0,
                    ..Matrix::default()
                };
                self.at = self.line;
            }
            "Tf" => {
                let name = operands.first().and_then(|name| name.as_name().ok());
                self.font = name.and_then(|name| self.fonts.get(name));
                self.state.size = number(1).abs();
            }
            "TL" => self.state.leading = number(0),
            "Tr" => self.state.render = number(0) as i64,
            "Td" => self.go(number(0), number(1)),
            "TD" => {
                self.state.leading = -number(1);
                self.go(number(0), number(1));
            }
            "T*" => self.go(0.0, -self.state.leading),
            "Tm" => {
                let scale = (number(2).powi(2) + number(3).powi(2)).sqrt();
                self.line = Matrix {
                    scale,
                    x: number(4),
                    y: number(5),
                };
                self.at = self.line;
            }
            "g" | "sc" | "scn" if operands.len() == 1 => self.state.light = number(0),
            "rg" | "sc" | "scn" if operands.len() == 3 => {
                self.state.light = number(0).min(number(1)).min(number(2));
            }
            "k" | "sc" | "scn" if operands.len() == 4 => {
                self.state.light = 1.0 - number(0).max(number(1)).max(number(2)).max(number(3));
            }
            "Tj" => self.show(operands)?,
            "TJ" => {
                if let Some(Object::Array(list)) = operands.first() {
                    self.show(list)?;
                }
            }
            "'" => {
                self.go(0.0, -self.state.leading);
                self.show(operands)?;
            }
            "\"" => {
                self.go(0.0, -self.state.leading);
                self.show(operands.get(2..).unwrap_or_default())?;
            }
            _ => {}
        }
        Ok(())
    }

    /// To the next line, so far across and up.
    fn go(&mut self, x: f32, y: f32) {
        self.line.x += x * self.line.scale;
        self.line.y += y * self.line.scale;
        self.at = self.line;
    }

    fn show(&mut self, strings: &[Object]) -> Result<(), Broken> {
        let size = self.state.size * self.at.scale;
        // Never drawn, drawn in the paper's white, or too small for any eye.
        let unseen = matches!(self.state.render, 3 | 7) || self.state.light > 0.95 || size < 1.5;
        let Some(font) = self.font else {
            self.undecoded += 1;
            return Ok(());
        };
        if unseen {
            self.hidden = true;
            return Ok(());
        }
        self.part(size)?;
        for string in strings {
            match string {
                Object::String(bytes, _) => {
                    for piece in bytes.chunks(PIECE) {
                        let told = font.encoding.bytes_to_string(piece);
                        let Ok(text) = told else {
                            self.undecoded += 1;
                            break;
                        };
                        self.lines.push(&text)?;
                    }
                    self.at.x += font.width(bytes) * size;
                }
                // Thousandths of the letters' size to the left.
                gap => {
                    let gap = gap.as_float().unwrap_or(0.0);
                    if gap < -180.0 {
                        self.lines.blank()?;
                    }
                    self.at.x -= gap / 1_000.0 * size;
                }
            }
        }
        self.last = Some((self.at, size));
        Ok(())
    }

    /// What parts this text from the one before: nothing, a blank, a line, a paragraph.
    fn part(&mut self, size: f32) -> Result<(), Broken> {
        let Some((last, before)) = self.last else {
            return Ok(());
        };
        let (down, across) = (last.y - self.at.y, self.at.x - last.x);
        let size = size.max(before).max(0.1);
        if down.abs() > size * 0.4 {
            if down > size * 1.9 || down < 0.0 {
                self.lines.paragraph()?;
            } else {
                self.lines.line()?;
            }
        } else if across > size * 2.5 {
            self.lines.cell()?;
        } else if across.abs() > size * 0.18 {
            self.lines.blank()?;
        }
        Ok(())
    }
}

/// Lines on their way into blocks.
struct Lines<'o> {
    out: &'o mut Builder,
    text: String,
    number: u32,
}

impl Lines<'_> {
    fn push(&mut self, text: &str) -> Result<(), WorkspaceError> {
        self.out.held().grow(text.len() as u64)?;
        self.text.push_str(text);
        // A line without end is none.
        if self.text.len() > 1 << 16 {
            self.line()?;
        }
        Ok(())
    }

    fn blank(&mut self) -> Result<(), WorkspaceError> {
        if self.text.is_empty() || self.text.ends_with(' ') {
            return Ok(());
        }
        self.push(" ")
    }

    /// A wide gap: the next column.
    fn cell(&mut self) -> Result<(), WorkspaceError> {
        self.blank()
    }

    fn line(&mut self) -> Result<(), WorkspaceError> {
        let text = std::mem::take(&mut self.text);
        self.out.held().shrink(text.len() as u64);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.number += 1;
        if is_labelled(text.trim()) {
            self.out.begin(Kind::Item, self.number)?;
            self.out.push(text.trim())?;
            return self.out.end();
        }
        if self.out.is_open() {
            self.out.push("\n")?;
        } else {
            self.out.begin(Kind::Prose, self.number)?;
        }
        self.out.push(text.trim())
    }

    fn paragraph(&mut self) -> Result<(), WorkspaceError> {
        self.line()?;
        self.out.end()
    }

    fn end(&mut self) -> Result<(), WorkspaceError> {
        self.paragraph()
    }
}
