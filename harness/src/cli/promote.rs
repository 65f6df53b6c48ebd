//! `schism promote`: the operator's hand in manual failover, against a run that goes on.
//! It asks the node itself, past every fault, and says what the node says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use schism_verify::models::MODELS;

use super::screen;
use crate::action::NodeId;
use crate::store::live::Live;
use crate::systems::clients::lines::LinesClient;
use crate::systems::{Control, Refusal};
use crate::worlds::dial::Addresses;

/// Make a node of a live run the leader, as an operator does in manual failover
#[derive(clap::Args)]
#[command(after_help = "Example: schism promote runs/latest n2")]
pub struct Args {
    /// The directory of a run that has not ended yet
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The node that is to lead
    #[arg(value_name = "NODE")]
    node: String,
}

/// A node answers once a majority has put the promotion on disk; after this nobody waits for one.
const ANSWER_MAX: Duration = Duration::from_secs(10);

pub fn main(args: &Args) -> Result<u8> {
    let shown = args.run.display();
    let live = Live::read(&args.run)?;
    let Some(node) = live.nodes.get(&args.node) else {
        let known: Vec<&str> = live.nodes.keys().map(String::as_str).collect();
        bail!("{shown} has no node `{}`; its nodes are {}", args.node, known.join(", "));
    };
    match ask(*node)? {
        Some(Ok(epoch)) => {
            screen::show(&format!("{} leads in epoch {epoch}\n", args.node));
            Ok(0)
        }
        Some(Err(refusal)) if refusal.certain => {
            bail!("{}", refused(&args.node, &args.run, &refusal))
        }
        Some(Err(refusal)) => bail!(
            "nobody knows whether {} leads now ({}); ask its status, or promote again",
            args.node,
            refusal.error
        ),
        None => bail!(
            "{} did not answer within {} s; it may lead once a majority answers it",
            args.node,
            ANSWER_MAX.as_secs()
        ),
    }
}

fn refused(node: &str, run: &Path, refusal: &Refusal) -> String {
    match (&*refusal.error, &refusal.detail) {
        ("unreachable", _) => {
            format!("{node} of {} cannot be reached: it is down, or the run is over", run.display())
        }
        (_, Some(words)) => format!("{node} refused: {words}"),
        (error, None) => format!("{node} refused: {error}"),
    }
}

fn ask(node: SocketAddr) -> Result<Option<Result<u64, Refusal>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime")?;
    // No model is asked for anything here.
    let mut client = LinesClient::new(&MODELS[0], Rc::new(Addresses::new(vec![node])));
    Ok(runtime.block_on(async {
        let asked = client.promote(NodeId(1));
        tokio::time::timeout(ANSWER_MAX, asked).await.ok()
    }))
}
