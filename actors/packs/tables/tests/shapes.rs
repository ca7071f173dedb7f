//! Tables and texts of hostile and of ordinary shape, each read by a process of its own whose memory the system counts: whatever a file claims, its
//! reader holds no more than four times its bytes and a fixed amount, the program itself not counted.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall};
use serde_json::json;

/// What every reader may hold beside four times the file. Much of it is fixed, so the small files of the quick test get less.
const BESIDE: u64 = 88 << 20;
const BESIDE_SMALL: u64 = 52 << 20;
/// A text is read without a database.
const BESIDE_TEXT: u64 = 6 << 20;
/// The file that a process started by the test reads.
const READS: &str = "AIOS_TOOLS_TEST_READS";

/// Of how many bytes the files are made that the tests read.
const MB: usize = 1 << 20;
const SMALL: usize = MB / 16;

/// A row or line again and again, until the file has so many bytes.
fn filled(head: &str, bytes: usize, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = head.to_owned();
    let mut at = 0;
    while text.len() < bytes {
        text.push_str(&line(at));
        at += 1;
    }
    text.into_bytes()
}

/// A number that looks like any other.
fn mixed(at: usize) -> u64 {
    (at as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(17)
}

fn wide(columns: usize) -> String {
    (0..columns)
        .map(|at| format!("c{at}"))
        .collect::<Vec<_>>()
        .join(",")
        + "\n"
}

fn utf16(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

type Shape = (&'static str, fn(usize) -> Vec<u8>, Outcome);

/// What becomes of it: read, or refused in a sentence that holds these words.
type Outcome = Result<(), &'static str>;

/// The more ordinary a shape, the larger its file.
const SHAPES: &[Shape] = &[
    (
        "an unnamed thousand of columns over rows of one cell",
        |mb| {
            filled(&format!("a{}\n", ",".repeat(999)), 4 * mb, |_| {
                "1\n".to_owned()
            })
        },
        Ok(()),
    ),
    (
        "the same, and a last row that fills them all",
        |mb| {
            let mut text = filled(&format!("a{}\n", ",".repeat(999)), 2 * mb, |_| {
                "1\n".to_owned()
            });
            text.extend(vec!["7"; 1_000].join(",").bytes());
            text
        },
        Err("more than a file of its size may"),
    ),
    (
        "a thousand columns, hardly anything in them",
        |mb| filled(&wide(1_000), 8 * mb, |_| format!("1{}\n", ",".repeat(999))),
        Ok(()),
    ),
    (
        "a thousand columns of different numbers",
        |mb| {
            filled(&wide(1_000), 8 * mb, |row| {
                let cells = (0..1_000).map(|at| (mixed(row * 1_000 + at) % 10_000).to_string());
                cells.collect::<Vec<_>>().join(",") + "\n"
            })
        },
        Ok(()),
    ),
    (
        "a line of nothing but separators",
        |mb| vec![b','; 8 * mb],
        Err("at most 1000 are read"),
    ),
    (
        "lines of one digit",
        |mb| filled("n\n", 8 * mb, |at| format!("{}\n", at % 10)),
        Ok(()),
    ),
    (
        "short rows of different numbers",
        |mb| {
            filled("id\n", 16 * mb, |at| {
                format!("{}\n", mixed(at) % 100_000_000)
            })
        },
        Ok(()),
    ),
    (
        "short rows of different words",
        |mb| filled("w\n", 16 * mb, |at| format!("{:x}z\n", mixed(at) >> 36)),
        Ok(()),
    ),
    (
        "moments, codes and amounts",
        |mb| {
            filled("at,code,region,amount\n", 16 * mb, |at| {
                let when = format!(
                    "2025-{:02}-{:02} {:02}:{:02}:{:02}",
                    at % 12 + 1,
                    at % 28 + 1,
                    at % 24,
                    at % 60,
                    at / 60 % 60
                );
                format!(
                    "{when},K{:08},{},{}.{:02}\n",
                    mixed(at) % 99_999_999,
                    ["North", "South"][at % 2],
                    mixed(at) % 10_000,
                    at % 100
                )
            })
        },
        Ok(()),
    ),
    (
        "one cell",
        |mb| [b"a\n".as_slice(), &vec![b'x'; 24 * mb], b"\n"].concat(),
        Ok(()),
    ),
    (
        "one cell of digits",
        |mb| [b"a\n".as_slice(), &vec![b'7'; 24 * mb], b"\n"].concat(),
        Ok(()),
    ),
    (
        "one heading",
        |mb| [vec![b'x'; 24 * mb].as_slice(), b"\n1\n"].concat(),
        Ok(()),
    ),
    (
        "a quote that is never closed",
        |mb| [b"a,b\n1,\"".as_slice(), &b"x,1\n".repeat(6 * mb)].concat(),
        Err("is never closed"),
    ),
    (
        "cells of nothing but doubled quotes",
        |mb| filled("a,b\n", 16 * mb, |_| "\"\"\"\"\"\"\"\",1\n".to_owned()),
        Ok(()),
    ),
    (
        "a byte order mark and two bytes a letter",
        |mb| utf16(&filled("a,b\n", 6 * mb, |at| format!("{},x\n", at % 1_000))),
        Ok(()),
    ),
    (
        "letters of an old code page that take three bytes now",
        |mb| {
            filled("a,b\n", 12 * mb, |at| format!("{},x\n", at % 1_000))
                .into_iter()
                .map(|byte| if byte == b'x' { 0x80 } else { byte })
                .collect()
        },
        Ok(()),
    ),
    (
        "zero bytes",
        |mb| [b"a,b\n".as_slice(), &vec![0; 16 * mb]].concat(),
        Err("is a binary file"),
    ),
    (
        "a bomb in gzip's clothes",
        |mb| [b"\x1f\x8b".as_slice(), &vec![0; mb]].concat(),
        Err("is compressed with gzip"),
    ),
    (
        "JSON as deep as it is long",
        |mb| vec![b'['; 8 * mb],
        Err("has a header line but no rows"),
    ),
    (
        "headings that are all the same",
        |mb| {
            filled(&(vec!["a"; 1_000].join(",") + "\n"), 4 * mb, |_| {
                vec!["1"; 1_000].join(",") + "\n"
            })
        },
        Ok(()),
    ),
];

/// JSON of every arrangement.
const OBJECTS: &[Shape] = &[
    (
        "a list of small objects",
        |mb| {
            let mut text = filled("[", 16 * mb, |at| {
                format!(
                    "{{\"k\":{at},\"w\":\"n{}\",\"v\":{}.5}},\n",
                    at % 100,
                    mixed(at) % 1_000
                )
            });
            text.extend_from_slice(b"{\"k\":0}]");
            text
        },
        Ok(()),
    ),
    (
        "objects with members of their own each",
        |mb| {
            let mut text = filled("[", mb, |at| format!("{{\"c{at}\":1}},"));
            text.extend_from_slice(b"{}]");
            text
        },
        Err("at most 1000 are read"),
    ),
    (
        "a list as deep as it is long",
        |mb| vec![b'['; 8 * mb],
        Err("recursion limit"),
    ),
    (
        "an object of two long columns",
        |mb| {
            let cells = vec!["1"; 2 * mb].join(",");
            format!("{{\"a\":[{cells}],\"b\":[{cells}]}}").into_bytes()
        },
        Ok(()),
    ),
    (
        "one long string",
        |mb| format!("[{{\"a\":\"{}\"}}]", "x".repeat(16 * mb)).into_bytes(),
        Ok(()),
    ),
];

/// Texts of many small parts.
const TEXTS: &[Shape] = &[
    (
        "paragraphs of one letter",
        |mb| filled("", 16 * mb, |_| "a\n\n".to_owned()),
        Ok(()),
    ),
    (
        "headings of one letter",
        |mb| filled("", 16 * mb, |_| "# a\n".to_owned()),
        Ok(()),
    ),
    (
        "one line of words of one letter",
        |mb| "a ".repeat(8 * mb).into_bytes(),
        Ok(()),
    ),
    (
        "brackets that open and close nothing",
        |mb| "[](".repeat(5 * mb).into_bytes(),
        Ok(()),
    ),
];

/// Reads a file as a goal does: profiled, loaded, grouped and sorted. Prints what became of it.
fn read(path: &Path) -> Result<(), String> {
    let workspaces = Workspaces::default();
    let toolbox = Toolbox::standard(&workspaces, None).with(aios_tables::tools(&workspaces));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let ask = |tool: &str, args| {
        let call = ToolCall {
            inputs: InputFile::all(&[path]).unwrap(),
            ..ToolCall::new(args, Instant::now() + Duration::from_secs(300))
        };
        let output = runtime.block_on(toolbox.call(tool, &toolbox.needs(), call));
        output.map_err(|error| error.to_string())
    };
    if path.extension().is_some_and(|ending| ending == "md") {
        return ask("read_file", json!({})).map(drop);
    }
    ask("profile_table", json!({}))?;
    let count = ask("sql", json!({"query": "SELECT count(*) FROM data"}))?;
    assert!(count.value["rows"][0][0].as_u64().unwrap() > 0);
    Ok(())
}

/// The most memory the process has held, in bytes, as the system counts it, without the pages of the program's own file.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse::<u64>().unwrap() << 10
    };
    // How large the program itself is depends on how it was built.
    bytes("VmHWM:") - bytes("RssFile:")
}

#[cfg(target_os = "linux")]
#[test]
fn a_table_takes_four_times_its_bytes_at_most() {
    measure(
        "a_table_takes_four_times_its_bytes_at_most",
        ("t.csv", SHAPES),
        SMALL,
        BESIDE_SMALL,
    );
}

#[cfg(target_os = "linux")]
#[test]
fn objects_take_four_times_their_bytes_at_most() {
    measure(
        "objects_take_four_times_their_bytes_at_most",
        ("t.json", OBJECTS),
        SMALL,
        BESIDE_SMALL,
    );
}

/// The same with files of many megabytes; minutes in a debug build: `cargo test -p aios-tables --test shapes -- --ignored`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes minutes"]
fn a_large_table_takes_four_times_its_bytes_at_most() {
    measure(
        "a_large_table_takes_four_times_its_bytes_at_most",
        ("t.csv", SHAPES),
        MB,
        BESIDE,
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_text_takes_four_times_its_bytes_at_most() {
    measure(
        "a_text_takes_four_times_its_bytes_at_most",
        ("t.md", TEXTS),
        MB / 8,
        BESIDE_TEXT,
    );
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes half a minute"]
fn a_large_text_takes_four_times_its_bytes_at_most() {
    measure(
        "a_large_text_takes_four_times_its_bytes_at_most",
        ("t.md", TEXTS),
        MB,
        BESIDE,
    );
}

fn measure(test: &str, (file, shapes): (&str, &[Shape]), mb: usize, beside: u64) {
    if let Some(path) = std::env::var_os(READS) {
        let outcome = read(Path::new(&path));
        println!("\noutcome {}", outcome.err().unwrap_or_default());
        println!("peak {}", peak());
        return;
    }
    let mut wrong = Vec::new();
    for (name, make, expected) in shapes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file);
        let content = make(mb);
        let bytes = content.len() as u64;
        std::fs::write(&path, content).unwrap();
        let begun = Instant::now();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--include-ignored"])
            .env(READS, &path)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&child.stdout).into_owned();
        let told = |word: &str| {
            out.lines()
                .find_map(|line| line.strip_prefix(word))
                .map(str::trim)
        };
        let (Some(outcome), Some(peak)) = (told("outcome"), told("peak")) else {
            let err = String::from_utf8_lossy(&child.stderr);
            panic!("{name}: the reader died: {:?}\n{out}\n{err}", child.status);
        };
        let peak: u64 = peak.parse().unwrap();
        let fits = match expected {
            Ok(()) => outcome.is_empty(),
            Err(words) => outcome.contains(words),
        };
        println!(
            "{name}: {} kB, peak {} MB of {}, {:.1} s: {outcome:.200}",
            bytes >> 10,
            peak >> 20,
            (bytes * 4 + beside) >> 20,
            begun.elapsed().as_secs_f64()
        );
        if !fits || peak > bytes * 4 + beside {
            wrong.push(*name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
