//! A connection that takes its time: what comes in on either side goes out half a round trip later.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What the near end can hold before its writer waits.
const BUFFER: usize = 256 * 1024;

/// The far end of `stream`, and the task that passes bytes on until either side closes.
pub(super) fn far_end(
    stream: TcpStream,
    round_trip: Duration,
) -> (DuplexStream, impl Future<Output = ()> + Send + 'static) {
    let (near, far) = tokio::io::duplex(BUFFER);
    let passing = async move {
        let (client_in, client_out) = stream.into_split();
        let (node_in, node_out) = tokio::io::split(near);
        let half = round_trip / 2;
        tokio::join!(pass_on(client_in, node_out, half), pass_on(node_in, client_out, half));
    };
    (far, passing)
}

/// As much as is sent may be on its way: distance limits no bandwidth.
async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (send, mut on_the_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
            if send.send((Instant::now() + delay, buffer[..bytes].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = on_the_way.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The other side may have gone first.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
