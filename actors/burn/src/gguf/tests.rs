use proptest::prelude::*;

use super::*;

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A small file with one text, one number, one list and the given tensors.
pub(crate) fn sample(tensors: &[(&str, &[u64], u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(3u64.to_le_bytes());
    put_text(&mut out, "general.architecture");
    out.extend(8u32.to_le_bytes());
    put_text(&mut out, "llama");
    put_text(&mut out, "llama.block_count");
    out.extend(4u32.to_le_bytes());
    out.extend(2u32.to_le_bytes());
    put_text(&mut out, "tokens");
    out.extend(9u32.to_le_bytes());
    out.extend(8u32.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    put_text(&mut out, "a");
    put_text(&mut out, "b");
    let mut offset = 0u64;
    for (name, dims, kind, data) in tensors {
        put_text(&mut out, name);
        out.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
        out.extend(kind.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset = (offset + data.len() as u64).next_multiple_of(32);
    }
    for (.., data) in tensors {
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(data);
    }
    out
}

#[test]
fn a_whole_file_is_read() {
    let file = sample(&[
        ("w", &[2, 1], 0, vec![0; 8]),
        ("q", &[32, 2], 3, vec![7; 40]),
    ]);
    let gguf = Gguf::parse(file).unwrap();
    assert_eq!(gguf.text("general.architecture").unwrap(), "llama");
    assert_eq!(gguf.size("llama.block_count").unwrap(), 2);
    assert_eq!(gguf.texts("tokens", 2).unwrap(), ["a", "b"]);
    let view = gguf.tensor("q").unwrap();
    let mut bytes = vec![0; view.len];
    view.read(&mut bytes).unwrap();
    assert_eq!(
        (view.shape, view.format, bytes),
        (&[2, 32][..], Format::Q4_1, vec![7; 40])
    );
    assert_eq!(gguf.formats(), [(Format::Q4_1, 64), (Format::F32, 2)]);
}

#[test]
fn a_broken_file_is_refused_with_its_reason() {
    let good = sample(&[("w", &[32], 3, vec![0; 20])]);
    let mut other_magic = good.clone();
    other_magic[0] = b'X';
    let mut old = good.clone();
    old[4] = 1;
    let mut huge_count = good.clone();
    huge_count[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty", vec![], "ends early"),
        ("other magic", other_magic, "not a GGUF file"),
        ("old version", old, "version 1"),
        ("count beyond the file", huge_count, "ends early"),
        (
            "one byte short",
            good[..good.len() - 1].to_vec(),
            "ends early",
        ),
        (
            "unknown format",
            sample(&[("w", &[32], 11, vec![0; 20])]),
            "format 11 (Q3_K)",
        ),
        (
            "row no multiple of the block",
            sample(&[("w", &[31, 32], 3, vec![0; 640])]),
            "rows of 31",
        ),
    ];
    for (name, bytes, reason) in cases {
        let error = Gguf::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let good = sample(&[("w", &[32, 2], 8, vec![1; 68])]);
    for len in 0..good.len() {
        assert!(
            Gguf::parse(good[..len].to_vec()).is_err(),
            "{len} of {} bytes passed",
            good.len()
        );
    }
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0usize..300, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut file = sample(&[("w", &[32, 2], 8, vec![1; 68])]);
        let at = at % file.len();
        file[at] = byte;
        let _ = Gguf::parse(file.clone());
        file.truncate(at);
        file.extend(noise);
        let _ = Gguf::parse(file);
    }
}
