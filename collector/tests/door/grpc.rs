//! OTLP/gRPC, by the published client and by hand.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::site::*;

const NONE: &[(&str, &str)] = &[];
const EXPORT: &str = "opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What a request of these bytes is answered, by hand.
async fn say(site: &Site, headers: &[(&str, &str)], body: &[u8]) -> reqwest::Response {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("http://{}/{EXPORT}", site.grpc);
    let request = client.post(url).bearer_auth(&site.key).header("te", "trailers");
    let request = request.header("content-type", "application/grpc+proto");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(body.to_vec()).send().await.unwrap()
}

fn framed(flag: u8, length: u32, message: &[u8]) -> Vec<u8> {
    [&[flag], &length.to_be_bytes()[..], message].concat()
}

#[tokio::test]
async fn a_damaged_message_is_called_an_invalid_argument() {
    let site = Site::new().await;
    let good = request(1, "chat").encode_to_vec();
    let length = u32::try_from(good.len()).unwrap();
    let table = [
        ("no message", NONE, Vec::new()),
        ("half a prefix", NONE, vec![0, 0, 0]),
        ("a message that is cut off", NONE, framed(0, length, &good[..10])),
        ("more than the message", NONE, framed(0, length, &[&good[..], b"more"].concat())),
        ("two messages", NONE, [framed(0, length, &good), framed(0, length, &good)].concat()),
        ("a flag that there is not", NONE, framed(2, length, &good)),
        ("compression that nobody names", NONE, framed(1, 4, b"nope")),
        ("compression that is none", &[("grpc-encoding", "gzip")], framed(1, 4, b"nope")),
        ("what is no request", NONE, framed(0, 4, b"nope")),
    ];
    for (what, headers, body) in table {
        let answer = say(&site, headers, &body).await;
        assert_eq!(answer.headers()["grpc-status"], "3", "{what}");
        assert_eq!(answer.headers()["content-type"], "application/grpc", "{what}");
    }
    assert!(!site.has(1).await);
}

#[tokio::test]
async fn compression_that_is_not_read_is_unimplemented_and_the_others_are_named() {
    let site = Site::new().await;
    for encoding in ["deflate", "snappy", "br"] {
        let answer = say(&site, &[("grpc-encoding", encoding)], &framed(1, 4, b"nope")).await;
        assert_eq!(answer.headers()["grpc-status"], "12");
        assert_eq!(answer.headers()["grpc-accept-encoding"], "identity,gzip,zstd");
    }
}

#[tokio::test]
async fn a_message_that_says_of_itself_that_it_is_too_long_is_not_waited_for() {
    let site = Site::new().await;
    let answer = say(&site, NONE, &framed(0, u32::MAX, b"a")).await;
    assert_eq!(answer.headers()["grpc-status"], "8");
    assert!(!answer.headers().contains_key("grpc-status-details-bin"), "or it would be sent again");
}

#[tokio::test]
async fn what_is_not_compressed_may_say_so() {
    let site = Site::new().await;
    let good = request(1, "chat").encode_to_vec();
    let length = u32::try_from(good.len()).unwrap();
    let headers = [("grpc-encoding", "identity"), ("grpc-timeout", "1S"), ("grpc-accept-encoding", "gzip")];
    let answer = say(&site, &headers, &framed(0, length, &good)).await;
    assert!(!answer.headers().contains_key("grpc-status"), "it stands in the trailers of a success");
    assert_eq!(&answer.bytes().await.unwrap()[..], [0; 5]);
    assert!(site.has(1).await);
}

#[tokio::test]
async fn grpc_is_let_in_with_every_compression() {
    let site = Site::new().await;
    for (number, compression) in
        [(1, None), (2, Some(CompressionEncoding::Gzip)), (3, Some(CompressionEncoding::Zstd))]
    {
        let mut client = TraceServiceClient::new(site.channel().await);
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let answer = client.export(site.keyed(request(number, "chat"))).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None);
        assert!(site.has(number).await);
    }
}

#[tokio::test]
async fn grpc_refusals_have_the_codes_of_the_specification() {
    let site = Site::new().await;
    let mut client = TraceServiceClient::new(site.channel().await);
    let unkeyed = client.export(request(1, "chat")).await.unwrap_err();
    assert_eq!(unkeyed.code(), Code::Unauthenticated);
    let large = request(1, &"x".repeat(MAX_BYTES));
    assert_eq!(client.export(site.keyed(large.clone())).await.unwrap_err().code(), Code::ResourceExhausted);
    let mut compressing = client.clone().send_compressed(CompressionEncoding::Gzip);
    assert_eq!(compressing.export(site.keyed(large)).await.unwrap_err().code(), Code::ResourceExhausted);
    assert!(!site.has(1).await);
    client.export(site.keyed(request(2, "chat"))).await.unwrap();
    assert!(site.has(2).await);
}
