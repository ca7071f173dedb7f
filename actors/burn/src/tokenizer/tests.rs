//! Vocabularies of both kinds, made here and of real models.

use super::*;

const SPACE: &str = "\u{2581}";

struct Made {
    tokens: Vec<String>,
    kinds: Vec<i32>,
}

/// The head of a file with a vocabulary of pieces: unknown, begin, end, each byte, then these, the best first.
fn pieces(some: &[&str], more: &[(&str, i32)], lead: bool) -> Tokenizer {
    let mut made = Made {
        tokens: ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec(),
        kinds: vec![2, 3, 3],
    };
    made.tokens
        .extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    made.kinds.extend([6; 256]);
    made.tokens
        .extend(some.iter().map(|piece| piece.replace(' ', SPACE)));
    made.kinds.extend(vec![1; some.len()]);
    made.tokens
        .extend(more.iter().map(|(name, _)| (*name).to_owned()));
    made.kinds.extend(more.iter().map(|(_, kind)| *kind));
    let count = made.tokens.len();
    let scores: Vec<u8> = (0..count)
        .flat_map(|id| (-(id as f32)).to_le_bytes())
        .collect();

    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(7u64.to_le_bytes());
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut put = |key: &str, kind: u32, value: &[u8]| {
        out.extend(text(key));
        out.extend(kind.to_le_bytes());
        out.extend(value);
    };
    let list = |kind: u32, items: &[u8]| {
        [
            &kind.to_le_bytes()[..],
            &(count as u64).to_le_bytes(),
            items,
        ]
        .concat()
    };
    let tokens: Vec<u8> = made.tokens.iter().flat_map(|token| text(token)).collect();
    let kinds: Vec<u8> = made
        .kinds
        .iter()
        .flat_map(|kind| kind.to_le_bytes())
        .collect();
    put("tokenizer.ggml.model", 8, &text("llama"));
    put("tokenizer.ggml.tokens", 9, &list(8, &tokens));
    put("tokenizer.ggml.scores", 9, &list(6, &scores));
    put("tokenizer.ggml.token_type", 9, &list(5, &kinds));
    put("tokenizer.ggml.bos_token_id", 4, &1u32.to_le_bytes());
    put("tokenizer.ggml.eos_token_id", 4, &2u32.to_le_bytes());
    put("tokenizer.ggml.add_space_prefix", 7, &[u8::from(lead)]);
    Tokenizer::load(&Gguf::parse(out).unwrap(), count).unwrap()
}

fn names(tokenizer: &Tokenizer, text: &str, literal: &[Range<usize>]) -> Vec<String> {
    let ids = tokenizer.encode(text, literal).unwrap();
    assert_eq!(ids[0], 1, "each prompt begins");
    let name = |id: &u32| match tokenizer.is_control(*id) {
        true => format!("[{}]", String::from_utf8_lossy(tokenizer.bytes(*id))),
        false => String::from_utf8_lossy(tokenizer.bytes(*id)).into_owned(),
    };
    ids[1..].iter().map(name).collect()
}

#[test]
fn pieces_are_merged_the_best_first_and_the_rest_is_bytes() {
    let some = [
        "ab", "bc", "abc", " a", " ab", "a", "b", "c", " ", "aa", "aaa",
    ];
    let more = [("\n\n", 4), ("<end_of_turn>", 4), ("<gone>", 5)];
    let plain = pieces(&some, &more, false);
    for (text, wanted) in [
        ("abc", &["abc"][..]),
        ("bca", &["bc", "a"]),
        (" ab", &[" ab"]),
        ("aaaa", &["aa", "aa"]),
        ("a\u{2581}b", &["a", " ", "b"]),
        // Bytes are no pieces, whatever a text spells.
        ("<0x41>", &["<", "0", "x", "4", "1", ">"]),
        ("<gone>", &["<", "g", "o", "n", "e", ">"]),
        ("a\n\nb\n", &["a", "\n\n", "b", "\n"]),
        (
            "a</s>b<end_of_turn>",
            &["a", "[</s>]", "b", "[<end_of_turn>]"],
        ),
        ("", &[]),
    ] {
        assert_eq!(names(&plain, text, &[]), wanted, "{text:?}");
    }
    let bytes = plain.encode("é", &[]).unwrap();
    assert_eq!(bytes, [1, 3 + 0xC3, 3 + 0xA9]);
    let literal = names(&plain, "a</s>", std::slice::from_ref(&(0..5)));
    assert_eq!(literal, ["a", "<", "/", "s", ">"]);
    assert!(plain.ends_answer(2) && plain.is_control(2));

    let leading = pieces(&some, &more, true);
    assert_eq!(names(&leading, "ab", &[]), [" ab"]);
    assert_eq!(names(&leading, "a</s>a", &[]), [" a", "[</s>]", " a"]);
}

/// A long text takes time by its length, and comes back as it was.
#[test]
fn a_long_text_is_whole() {
    let tokenizer = pieces(&["ab", "abab", "abababab", "a", "b"], &[], false);
    let text = "ab".repeat(200_000);
    let ids = tokenizer.encode(&text, &[]).unwrap();
    let back: Vec<u8> = ids[1..]
        .iter()
        .flat_map(|id| tokenizer.bytes(*id).to_vec())
        .collect();
    assert_eq!(back, text.as_bytes());
    assert_eq!(ids.len(), 1 + 50_000);
}

/// On request: `AIOS_VOCABULARIES` is the folder `models` of llama.cpp's sources, which holds vocabularies of real models with
/// texts and their ids.
#[test]
#[ignore = "needs AIOS_VOCABULARIES"]
fn real_vocabularies_give_the_ids_that_they_come_with() {
    let folder = std::env::var_os("AIOS_VOCABULARIES").expect("a folder with ggml-vocab-*.gguf");
    let folder = std::path::Path::new(&folder);
    for name in ["gpt-2", "llama-bpe", "qwen2", "llama-spm"] {
        let read = |end: &str| std::fs::read(folder.join(format!("ggml-vocab-{name}.gguf{end}")));
        let file = Gguf::parse(read("").unwrap()).unwrap();
        let count = file
            .texts("tokenizer.ggml.tokens", TOKENS_MAX)
            .unwrap()
            .len();
        let tokenizer = Tokenizer::load(&file, count).unwrap();
        let [texts, ids] =
            [".inp", ".out"].map(|end| String::from_utf8(read(end).unwrap()).unwrap());
        let texts: Vec<&str> = texts.split("\n__ggml_vocab_test__\n").collect();
        let ids: Vec<&str> = ids.lines().collect();
        assert!(texts.len() >= ids.len() && ids.len() > 40, "{name}");
        for (text, wanted) in texts.iter().zip(ids) {
            let wanted: Vec<u32> = wanted
                .split_whitespace()
                .map(|id| id.parse().unwrap())
                .collect();
            let mut found = tokenizer.encode(text, &[]).unwrap();
            if tokenizer.begin.is_some() {
                found.remove(0);
            }
            assert_eq!(found, wanted, "{name}: {text:?}");
        }
    }
}
