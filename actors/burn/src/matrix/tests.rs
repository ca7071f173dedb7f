//! Blocks against the figures of another reader, and rows in their places.

use half::f16;
use serde::Deserialize;

use super::testing::of_bytes;
use super::*;
use crate::store::Store;

#[derive(Deserialize)]
struct Golden {
    format: String,
    bytes: String,
    weights: Vec<f32>,
}

/// `docs/formats/golden-logits.md` says where the figures come from.
#[test]
fn blocks_mean_what_another_reader_says() {
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../tests/golden/blocks.json")).unwrap();
    assert_eq!(golden.len(), Format::ALL.len() - 1, "all but F32");
    for case in golden {
        let format = Format::ALL.into_iter().find(|f| f.name() == case.format);
        let format = format.unwrap();
        let byte = |at: usize| u8::from_str_radix(&case.bytes[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..case.bytes.len()).step_by(2).map(byte).collect();
        let values = of_bytes(format, 1, case.weights.len(), &bytes).values();
        for (i, (found, wanted)) in values.iter().zip(&case.weights).enumerate() {
            let most = 1e-6 * wanted.abs().max(0.1);
            assert!(
                (found - wanted).abs() <= most,
                "{format:?} {i}: {found}, {wanted}"
            );
        }
    }
}

fn refusal(format: Format, bytes: &[u8], shape: [usize; 2], rows: usize) -> String {
    let store = Store::Memory(bytes.to_vec());
    let view = TensorView::new(&shape, format, 0, bytes.len(), &store);
    testing::alone(|arena| Matrix::load("w", view, rows, shape[1], arena))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_wrong_shape_or_an_infinite_scale_is_refused() {
    for format in Format::ALL {
        let good = testing::noise(format, 256, 1);
        assert!(refusal(format, &good, [1, 256], 2).contains("[1, 256], wanted [2, 256]"));
        let ats = if format.is_plain() {
            &[0][..]
        } else {
            exact::scales_at(format)
        };
        for at in ats {
            for spoilt in [f32::INFINITY, f32::NAN, f32::NEG_INFINITY] {
                let mut bytes = good.clone();
                let number = match format {
                    Format::F32 => spoilt.to_le_bytes().to_vec(),
                    Format::Bf16 => half::bf16::from_f32(spoilt).to_le_bytes().to_vec(),
                    _ => f16::from_f32(spoilt).to_le_bytes().to_vec(),
                };
                bytes[*at..at + number.len()].copy_from_slice(&number);
                let error = refusal(format, &bytes, [1, 256], 1);
                assert!(error.contains("finite"), "{format:?} {at}: {error}");
            }
        }
    }
}

#[test]
fn stacking_keeps_every_row_in_its_order_and_form() {
    let numbers = |from: usize, rows: usize| -> Vec<f32> {
        (from * 32..(from + rows) * 32).map(|i| i as f32).collect()
    };
    let plain = |values: Vec<f32>| {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Store::Memory(bytes)
    };
    let halves = numbers(0, 1)
        .into_iter()
        .flat_map(|v| f16::from_f32(v).to_le_bytes());
    let mut packed = f16::from_f32(1.0).to_le_bytes().to_vec();
    packed.extend(f16::ZERO.to_le_bytes());
    packed.extend([0x21; 16]);
    let (four, one) = (plain(numbers(0, 4)), plain(numbers(4, 1)));
    let (halves, packed) = (Store::Memory(halves.collect()), Store::Memory(packed));
    let shapes = [[1, 32], [4, 32]];
    let source = |store, format: Format, rows: usize, pairs_of| Source {
        name: "w".to_owned(),
        view: TensorView::new(
            if rows == 1 { &shapes[0] } else { &shapes[1] },
            format,
            0,
            rows * 32 / format.block().0 * format.block().1,
            store,
        ),
        rows,
        pairs_of,
    };
    let sources = [
        source(&four, Format::F32, 4, Some(4)),
        source(&one, Format::F32, 1, None),
        source(&halves, Format::F16, 1, None),
        source(&packed, Format::Q4_1, 1, None),
    ];
    let matrix = testing::alone(|arena| Matrix::stack(32, &sources, arena)).unwrap();
    let quantised = [[1.0; 16], [2.0; 16]].concat();
    let wanted = [
        numbers(0, 1),
        numbers(2, 1),
        numbers(1, 1),
        numbers(3, 1),
        numbers(4, 1),
        numbers(0, 1),
        quantised,
    ];
    assert_eq!((matrix.rows(), matrix.values()), (7, wanted.concat()));
    assert_eq!(
        matrix.parts().len(),
        3,
        "what is stored alike lies together"
    );
}

#[test]
fn pairs_are_taken_apart_head_by_head() {
    let mut rows: Vec<usize> = (0..8).collect();
    halves_first(&mut rows, 4, 1);
    assert_eq!(rows, [0, 2, 1, 3, 4, 6, 5, 7]);
}
