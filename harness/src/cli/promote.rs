//! `schism promote`: the operator's hand in manual failover, against a run that goes on.
//! It asks the node itself, past every fault, and says what the node says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::screen;
use crate::action::NodeId;
use crate::store::live::Live;
use crate::systems::lines::LinesClient;
use crate::systems::{Answer, Client, Failure, Op, Outcome};

/// Make a node of a live run the leader, as an operator does in manual failover
#[derive(clap::Args)]
#[command(after_help = "Example: schism promote runs/latest n2")]
pub struct Args {
    /// The directory of a run that goes on
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The node that is to lead
    #[arg(value_name = "NODE")]
    node: String,
}

/// A node answers once a majority has put the promotion on disk; after this nobody waits for one.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Asks, and prints the epoch.
pub fn main(args: &Args) -> Result<u8> {
    let shown = args.run.display();
    let live = Live::read(&args.run)?;
    let Some(node) = live.nodes.get(&args.node) else {
        let known: Vec<&str> = live.nodes.keys().map(String::as_str).collect();
        bail!("{shown} has no node `{}`; its nodes are {}", args.node, known.join(", "));
    };
    match ask(*node)? {
        Some(Outcome::Ok(Answer::Promoted(epoch))) => {
            screen::show(&format!("{} leads in epoch {epoch}\n", args.node));
            Ok(0)
        }
        Some(Outcome::Ok(_)) => bail!("{} gave no epoch; its answer was another", args.node),
        Some(Outcome::Fail(failure)) => bail!("{}", refusal(&args.node, &args.run, &failure)),
        Some(Outcome::Info(error)) => bail!(
            "nobody knows whether {} leads now ({error}); ask its status, or promote again",
            args.node
        ),
        None => bail!(
            "{} did not answer within {} s; it may lead once a majority answers it",
            args.node,
            ANSWER_MAX.as_secs()
        ),
    }
}

fn refusal(node: &str, run: &Path, failure: &Failure) -> String {
    match (failure.error.as_deref(), &failure.detail) {
        (Some("unreachable"), _) => {
            format!("{node} of {} cannot be reached: it is down, or the run is over", run.display())
        }
        (_, Some(words)) => format!("{node} refused: {words}"),
        (error, None) => format!("{node} refused: {}", error.unwrap_or("it did not say why")),
    }
}

fn ask(node: SocketAddr) -> Result<Option<Outcome>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime")?;
    let mut client = LinesClient::new(vec![node]);
    Ok(runtime.block_on(async {
        let asked = client.invoke(NodeId(1), &Op::Promote);
        tokio::time::timeout(ANSWER_MAX, asked).await.ok()
    }))
}
