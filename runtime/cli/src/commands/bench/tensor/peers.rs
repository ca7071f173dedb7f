//! iceoryx2, measured as we are: a sample is loaned and written before the clock starts, sent, and known when the subscriber has it.

use aios_bench::BenchError;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::prelude::*;
use iceoryx2::sample_mut::SampleMut;

use super::super::failed;
use super::SMALL;
use super::one_way::{Teller, Times, one_way};

struct Samples<'a> {
    publisher: Publisher<ipc::Service, [u8], ()>,
    content: &'a [u8],
}

impl Teller for Samples<'_> {
    type Ready = SampleMut<ipc::Service, [u8], ()>;
    type Ahead = ();
    type Told = ();

    fn prepare(&mut self) -> Result<(Self::Ready, ()), BenchError> {
        let sample = self.publisher.loan_slice_uninit(self.content.len());
        Ok((sample.map_err(failed)?.write_from_slice(self.content), ()))
    }

    fn rehearse(&mut self) -> Result<(Self::Ready, ()), BenchError> {
        let sample = self.publisher.loan_slice_uninit(SMALL);
        let small = &self.content[..SMALL];
        Ok((sample.map_err(failed)?.write_from_slice(small), ()))
    }

    fn tell(&mut self, sample: Self::Ready) -> Result<(), BenchError> {
        sample.send().map(drop).map_err(failed)
    }

    fn put_away(&mut self, (): ()) -> Result<(), BenchError> {
        Ok(())
    }
}

/// From sending a sample of so many bytes until the subscriber has it, in nanoseconds.
pub(super) fn sent(bytes: usize, times: Times) -> Result<Vec<f64>, BenchError> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<ipc::Service>();
    let name = format!("aios-bench/{}", std::process::id());
    let name = ServiceName::new(&name).map_err(failed)?;
    let service = node
        .map_err(failed)?
        .service_builder(&name)
        .publish_subscribe::<[u8]>()
        .max_publishers(1)
        .max_subscribers(1)
        .history_size(0)
        .subscriber_max_buffer_size(1)
        .subscriber_max_borrowed_samples(1)
        .enable_safe_overflow(true)
        .create()
        .map_err(failed)?;
    let content = vec![7; bytes];
    let samples = || {
        let publisher = service.publisher_builder();
        let publisher = publisher.initial_max_slice_len(bytes).max_loaned_samples(2);
        Ok(Samples {
            publisher: publisher.create().map_err(failed)?,
            content: &content,
        })
    };
    let takes = || {
        let subscriber = service.subscriber_builder().create().map_err(failed)?;
        Ok(move |()| {
            loop {
                if let Some(sample) = subscriber.receive().map_err(failed)? {
                    return Ok(sample);
                }
            }
        })
    };
    one_way(times, samples, takes)
}
