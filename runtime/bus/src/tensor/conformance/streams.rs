//! Streams in rings.

use std::thread;

use aios_protocols::ports::{StreamReader, StreamWriter, TensorBusError, Wait};
use aios_protocols::tensor::FrameKey;

use super::*;

pub(super) fn check(maker: &dyn Maker) {
    chunks_arrive_once_and_in_order(maker);
    a_full_ring_refuses_with_both_numbers_until_a_chunk_is_released(maker);
    an_end_is_held_by_one_and_taken_up_where_it_was_left(maker);
    chunks_of_another_key_are_refused_counted_and_passed_over(maker);
    a_wait_without_an_end_is_late(maker);
}

fn pair(maker: &dyn Maker) -> (Ring, Ring) {
    let note = note(0);
    maker.ring(SHAPE, &[5; RANDOM_BYTES], note.sender, note.receiver)
}

fn chunks_arrive_once_and_in_order(maker: &dyn Maker) {
    const CHUNKS: u64 = 2_000;
    for how in [Wait::Spin, Wait::SpinThenBlock, Wait::Block] {
        let (one, two) = pair(maker);
        let (mut writer, mut reader) = (must(one.writer()), must(two.reader()));
        let length = |chunk: u64| (chunk * 13 % 201) as usize;
        thread::scope(|scope| {
            scope.spawn(move || {
                for chunk in 0..CHUNKS {
                    must(writer.wait(how, SOON));
                    let number = must(writer.write(&content(chunk, length(chunk)), chunk));
                    assert_eq!(number, chunk);
                }
                // Keeps its end until the reader has everything.
                while writer.write(&[0; 201], 0).is_ok() {}
            });
            let mut read = Vec::new();
            for chunk in 0..CHUNKS {
                must(reader.wait(how, SOON));
                let header = must(reader.read(&mut read));
                let header = header.unwrap_or_else(|| panic!("chunk {chunk} was announced"));
                assert_eq!((header.sequence, header.timestamp_ns), (chunk, chunk));
                assert_eq!(read, content(chunk, length(chunk)), "{how:?} chunk {chunk}");
                reader.release();
            }
            assert_eq!((must(reader.read(&mut read)), reader.refused()), (None, 0));
        });
    }
}

fn a_full_ring_refuses_with_both_numbers_until_a_chunk_is_released(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let (mut writer, mut reader) = (must(one.writer()), must(two.reader()));
    let mut read = Vec::new();
    reader.release();
    for chunk in 0..4 {
        must(writer.write(&[chunk], 0));
    }
    let full = Err(TensorBusError::Full {
        asked: 5,
        allowed: 4,
    });
    assert_eq!(writer.write(&[4], 0), full);
    must(reader.read(&mut read));
    assert_eq!(writer.write(&[4], 0), full, "reading is not releasing");
    must(reader.read(&mut read));
    assert_eq!(read, [0], "it stays the next one until it is released");
    reader.release();
    reader.release();
    assert_eq!(writer.write(&[4], 0), Ok(4));
    assert_eq!(
        writer.write(&[0; 201], 0),
        Err(TensorBusError::TooLarge {
            what: "bytes of a chunk",
            asked: 201,
            allowed: 200
        })
    );
    for chunk in 1..5 {
        must(reader.read(&mut read));
        assert_eq!(read, [chunk]);
        reader.release();
    }
    assert_eq!(must(reader.read(&mut read)), None);
}

fn an_end_is_held_by_one_and_taken_up_where_it_was_left(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let (mut writer, mut reader) = (must(one.writer()), must(two.reader()));
    assert_eq!(two.writer().err(), Some(TensorBusError::EndHeld));
    assert_eq!(one.reader().err(), Some(TensorBusError::EndHeld));
    let mut read = Vec::new();
    for chunk in 0..3 {
        must(writer.write(&[chunk], 0));
    }
    must(reader.read(&mut read));
    reader.release();
    must(reader.read(&mut read));
    drop((writer, reader));
    let (mut writer, mut reader) = (must(two.writer()), must(one.reader()));
    assert_eq!(writer.write(&[3], 0), Ok(3), "goes on behind what is there");
    for chunk in 1..4 {
        must(reader.read(&mut read));
        assert_eq!(read, [chunk], "from the first that was not released");
        reader.release();
    }
}

fn chunks_of_another_key_are_refused_counted_and_passed_over(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let mut forger = one.clone();
    forger.set_key(FrameKey::from_bytes([0xEE; 32]));
    let mut reader = must(two.reader());
    let mut read = Vec::new();
    must(must(forger.writer()).write(b"forged", 0));
    must(must(one.writer()).write(b"honest", 0));
    assert_eq!(reader.read(&mut read), Err(TensorBusError::Forged));
    assert!(read.is_empty(), "nothing leaves with a refusal");
    assert!(must(reader.read(&mut read)).is_some());
    assert_eq!((read.as_slice(), reader.refused()), (&b"honest"[..], 1));
}

fn a_wait_without_an_end_is_late(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let (mut writer, mut reader) = (must(one.writer()), must(two.reader()));
    let brief = Duration::from_millis(2);
    for how in [Wait::Spin, Wait::SpinThenBlock, Wait::Block] {
        assert_eq!(reader.wait(how, brief), Err(TensorBusError::Late(brief)));
        assert_eq!(writer.wait(how, brief), Ok(()));
    }
    for chunk in 0..4 {
        must(writer.write(&[chunk], 0));
    }
    for how in [Wait::Spin, Wait::SpinThenBlock, Wait::Block] {
        assert_eq!(writer.wait(how, brief), Err(TensorBusError::Late(brief)));
        assert_eq!(reader.wait(how, brief), Ok(()));
    }
}
