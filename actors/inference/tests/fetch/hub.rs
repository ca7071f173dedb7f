//! A hub that serves one file, and fails as it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does with its next request; the default is to behave.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    /// Sends so many bytes of the answer, then closes.
    BreakAfter(usize),
    /// Answers with the whole file whatever range is asked for.
    NoRanges,
    /// The same, and sends so many bytes of it.
    AnewUntil(usize),
    /// Sends other bytes of the same length.
    Wrong,
    /// Sends the file and more.
    TooLong,
    /// Answers with a status.
    Status(u16),
}

/// Serves one body at every path.
pub(crate) struct Hub {
    pub(crate) url: String,
    moods: Arc<Mutex<Vec<Mood>>>,
    /// The `range` header of each request, or nothing.
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (moods, ranges) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (server_moods, server_ranges) = (moods.clone(), ranges.clone());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = serve(connection, &body, &server_moods, &server_ranges);
            }
        });
        Self { url, moods, ranges }
    }

    pub(crate) fn in_mood(self, moods: &[Mood]) -> Self {
        self.moods.lock().expect("sound").extend(moods.iter().rev());
        self
    }

    pub(crate) fn ranges(&self) -> Vec<String> {
        self.ranges.lock().expect("sound").clone()
    }
}

fn serve(
    mut connection: TcpStream,
    body: &[u8],
    moods: &Mutex<Vec<Mood>>,
    ranges: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut range = String::new();
    for line in BufReader::new(connection.try_clone()?).lines() {
        let line = line?.to_lowercase();
        if let Some(value) = line.strip_prefix("range: bytes=") {
            range = value.to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    ranges.lock().expect("sound").push(range.clone());
    let mood = moods.lock().expect("sound").pop();
    let from = range.trim_end_matches('-').parse::<usize>().unwrap_or(0);
    let (status, mut sent, promised, range) = match mood {
        Some(Mood::Status(status)) => (status, Vec::new(), 0, None),
        Some(Mood::NoRanges) => (200, body.to_vec(), body.len(), None),
        Some(Mood::AnewUntil(bytes)) => (200, body[..bytes].to_vec(), body.len(), None),
        Some(Mood::Wrong) => (200, vec![b'x'; body.len()], body.len(), None),
        Some(Mood::TooLong) => (200, [body, b"more"].concat(), body.len() + 4, None),
        _ if from > 0 => (206, body[from..].to_vec(), body.len() - from, Some(from)),
        _ => (200, body.to_vec(), body.len(), None),
    };
    if let Some(Mood::BreakAfter(bytes)) = mood {
        sent.truncate(bytes);
    }
    let range = range.map_or(String::new(), |from| {
        format!(
            "content-range: bytes {from}-{}/{}\r\n",
            body.len() - 1,
            body.len()
        )
    });
    write!(
        connection,
        "HTTP/1.1 {status} x\r\ncontent-length: {promised}\r\n{range}connection: close\r\n\r\n"
    )?;
    connection.write_all(&sent)
}
