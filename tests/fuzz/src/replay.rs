//! Every kept seed of a target, and mutations of them that are the same on every run.

use std::path::{Path, PathBuf};

/// Bytes of the largest mutation: the seeds are smaller.
const MOST: usize = 64 * 1024;

/// Calls `body` with each seed of `target`, then with as many mutations; a panic names the input and leaves it in a file.
/// `AIOS_SEEDS` is how many times as many, each time others.
pub(crate) fn replay(target: &str, body: fn(&[u8]), mutations: usize) {
    let folder = seeds().join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no seed");
    let kept: Vec<Vec<u8>> = files
        .iter()
        .map(|file| std::fs::read(file).expect("a seed can be read"))
        .collect();
    for (file, seed) in files.iter().zip(&kept) {
        call(target, body, seed, &file.display().to_string());
    }
    let times = std::env::var("AIOS_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut chance = Chance(0x5eed);
    for round in 0..mutations * times.unwrap_or(1) {
        let input = mutated(&kept, &mut chance);
        call(target, body, &input, &format!("mutation {round}"));
    }
}

fn seeds() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    from.ancestors()
        .map(|folder| folder.join("tests/fuzz/seeds"))
        .find(|folder| folder.is_dir())
        .expect("the seeds are in the source tree")
}

/// Says which input it was, whatever happens to it.
struct Named<'a> {
    target: &'a str,
    input: &'a [u8],
    name: &'a str,
}

impl Drop for Named<'_> {
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let file = std::env::temp_dir().join(format!("aios-{}-input", self.target));
        let _ = std::fs::write(&file, self.input);
        eprintln!(
            "{} broke a rule over {} ({} bytes); the input is in {}",
            self.target,
            self.name,
            self.input.len(),
            file.display()
        );
    }
}

fn call(target: &str, body: fn(&[u8]), input: &[u8], name: &str) {
    let _named = Named {
        target,
        input,
        name,
    };
    body(input);
}

struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, below: usize) -> usize {
        (self.next() % below.max(1) as u64) as usize
    }
}

/// A seed with one to six small faults.
fn mutated(kept: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = kept[chance.below(kept.len())].clone();
    for _ in 0..1 + chance.below(6) {
        let at = chance.below(input.len() + 1);
        match chance.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
            1 => {
                let odd = [0, 1, b'\n', b'"', b'(', 0x7f, 0x80, 0xff];
                input.insert(at, odd[chance.below(odd.len())]);
            }
            2 => input.truncate(at),
            3 => {
                let end = (at + 1 + chance.below(16)).min(input.len());
                input.drain(at..end);
            }
            // A part twice: keys, headings, tensors that occur again.
            4 => {
                let end = (at + 1 + chance.below(256)).min(input.len());
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            // A length that the file does not have.
            5 => {
                let lies = [
                    0_u64,
                    1,
                    0xff,
                    0x7fff_ffff,
                    0xffff_ffff,
                    u64::MAX / 2,
                    u64::MAX,
                ];
                let lie = lies[chance.below(lies.len())].to_le_bytes();
                let wide = if chance.below(2) == 0 { 4 } else { 8 };
                for (byte, lie) in input.iter_mut().skip(at).zip(&lie[..wide]) {
                    *byte = *lie;
                }
            }
            // The end of another seed.
            6 => {
                let other = &kept[chance.below(kept.len())];
                input.truncate(at);
                input.extend_from_slice(&other[chance.below(other.len() + 1)..]);
            }
            _ => {
                let digits = [b'0', b'9', b'-', b'.', b'e', b' ', b',', b';'];
                if let Some(byte) = input.get_mut(at) {
                    *byte = digits[chance.below(digits.len())];
                }
            }
        }
    }
    input.truncate(MOST);
    input
}
