//! A large batch through gRPC: a bare tonic server on loopback answers with it. Its bytes are there before it is asked, and nothing
//! stops it but the wire: windows hold the whole answer.

use std::sync::Arc;
use std::time::Instant;

use aios_bench::BenchError;
use aios_wire::generated::control::v1 as wire;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use wire::control_service_client::ControlServiceClient;
use wire::control_service_server::{ControlService, ControlServiceServer};

use super::super::{failed, threads};

/// Bytes that a message has beside its content, at most.
const AROUND: usize = 1_024;

/// What is answered next.
#[derive(Clone, Default)]
struct Answer(Arc<Mutex<Vec<u8>>>);

#[tonic::async_trait]
impl ControlService for Answer {
    async fn ask(
        &self,
        _: Request<wire::AskRequest>,
    ) -> Result<Response<wire::AskResponse>, Status> {
        let answer = std::mem::take(&mut *self.0.lock().await);
        Ok(Response::new(wire::AskResponse { answer }))
    }

    type WatchStream = ReceiverStream<Result<wire::Event, Status>>;

    async fn watch(
        &self,
        _: Request<wire::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("it only answers"))
    }
}

/// A server that answers with a batch, and its client.
pub(super) struct Batch {
    runtime: Runtime,
    client: ControlServiceClient<Channel>,
    answer: Answer,
    content: Vec<u8>,
}

impl Batch {
    pub(super) fn start(bytes: usize) -> Result<Self, BenchError> {
        let runtime = threads()?;
        let answer = Answer::default();
        let service = ControlServiceServer::new(answer.clone());
        let window = u32::try_from(bytes + AROUND).map_err(failed)?;
        let channel = runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            let served = Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener));
            tokio::spawn(served);
            let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(failed)?;
            let endpoint = endpoint
                .tcp_nodelay(true)
                .initial_stream_window_size(window)
                .initial_connection_window_size(window);
            endpoint.connect().await.map_err(failed)
        })?;
        let client = ControlServiceClient::new(channel).max_decoding_message_size(bytes + AROUND);
        Ok(Self {
            runtime,
            client,
            answer,
            content: vec![7; bytes],
        })
    }

    /// Seconds from asking until the whole answer is there.
    pub(super) fn send(&mut self) -> Result<f64, BenchError> {
        self.answer.0.blocking_lock().clone_from(&self.content);
        let begun = Instant::now();
        let asked = self.client.ask(wire::AskRequest::default());
        let answer = self.runtime.block_on(asked).map_err(failed)?;
        let took = begun.elapsed().as_secs_f64();
        match answer.into_inner().answer.len() {
            bytes if bytes == self.content.len() => Ok(took),
            bytes => Err(failed(format!("{bytes} bytes came back"))),
        }
    }
}
