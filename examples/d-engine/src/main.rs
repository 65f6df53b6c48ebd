//! A node that embeds d-engine, a Raft library, and keeps keys: what Schism tests it by.
//!
//! ```text
//! d-engine-node CONFIG.toml CLIENT_ADDRESS linearizable|lease
//! ```
//!
//! It speaks the line protocol (docs/reference/client-protocol.md): `get`, `put` and `status`. A
//! write is refused before it is proposed if this node does not lead; whatever goes wrong after that
//! is unanswered.

use std::path::Path;
use std::sync::Arc;

use d_engine_proto::client::ReadConsistencyPolicy as Reads;
use d_engine_server::{EmbeddedEngine, FileStateMachine, FileStorageEngine};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    let [_, config, address, reads] = &args[..] else {
        return Err("usage: d-engine-node CONFIG.toml CLIENT_ADDRESS linearizable|lease".into());
    };
    let reads = match reads.as_str() {
        "linearizable" => Reads::LinearizableRead,
        "lease" => Reads::LeaseRead,
        other => return Err(format!("{other} is no kind of read").into()),
    };
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let data = Path::new(config).parent().unwrap_or(Path::new(".")).join("db");
    std::fs::create_dir_all(&data)?;
    let log = FileStorageEngine::new(data.join("log"))?;
    let state = FileStateMachine::new(data.join("state")).await?;
    let engine =
        EmbeddedEngine::start_custom(Arc::new(log), Arc::new(state), Some(config)).await?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let engine = engine.clone();
        tokio::spawn(async move {
            // The connection ended; what was asked on it goes unanswered.
            let _ = serve(stream, &engine, reads).await;
        });
    }
}

async fn serve(stream: TcpStream, engine: &EmbeddedEngine, reads: Reads) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let asked: Value = serde_json::from_str(&line)?;
        let mut answer = answer(engine, &asked, reads).await;
        answer["id"] = asked["id"].clone();
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}

async fn answer(engine: &EmbeddedEngine, asked: &Value, reads: Reads) -> Value {
    let client = engine.client();
    let key = asked["key"].to_string();
    let leader = engine.leader_info();
    let named = leader.map(|leader| format!("n{}", leader.leader_id));
    match asked["op"].as_str() {
        Some("status") => {
            let role = if engine.is_leader() { "leader" } else { "follower" };
            json!({"ok": {"role": role, "epoch": leader.map_or(0, |of| of.term), "leader": named}})
        }
        Some("put") if !engine.is_leader() => {
            json!({"fail": {"error": "not-leader", "leader": named}})
        }
        Some("put") => match client.put(&key, asked["value"].to_string()).await {
            Ok(()) => json!({"ok": {}}),
            Err(error) => json!({"info": {"error": "server-error", "detail": error.to_string()}}),
        },
        Some("get") => {
            let is_local = asked["level"] == "local";
            let reads = if is_local { Reads::EventualConsistency } else { reads };
            // Versions differ in whose type this is.
            match client.get_with_consistency(&key, reads.into()).await {
                Ok(None) => json!({"ok": {"value": null}}),
                Ok(Some(value)) => match serde_json::from_slice::<Value>(&value) {
                    Ok(value) => json!({"ok": {"value": value}}),
                    Err(error) => json!({"info": {"error": "server-error", "detail": error.to_string()}}),
                },
                // A read that failed has changed nothing.
                Err(_) if !engine.is_leader() => {
                    json!({"fail": {"error": "not-leader", "leader": named}})
                }
                Err(error) => json!({"fail": {"error": "refused", "detail": error.to_string()}}),
            }
        }
        _ => json!({"fail": {"error": "malformed"}}),
    }
}
