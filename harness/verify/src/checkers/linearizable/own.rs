//! Judging by a model that is not one of ours. It never takes a fast path: those belong to models.

use super::judge::judge;
use super::judged::Judged;
use super::options::{CheckError, CheckOptions};
use crate::budget::{Meter, timed};
use crate::checkers::CheckResult;
use crate::history::History;
use crate::models::spec::{Call, Spec, Timed};

/// Judges a history by a model of your own; every key is an object of its own. Of the options the
/// budget and `explain` count: the model, and what it starts with, are the spec's.
///
/// See the crate's documentation for a whole example.
pub fn check_model<S>(
    spec: &S,
    history: &History,
    options: &CheckOptions,
) -> Result<CheckResult, CheckError>
where
    S: Spec<State: Send + Sync, Op: Send + Sync> + Sync,
{
    let meter = Meter::start(options.budget);
    let (finding, elapsed) = timed(|| judge(&Own(spec), history, options, &meter));
    Ok(finding?.named("linearizable", elapsed))
}

#[derive(Clone)]
struct Own<'a, S>(&'a S);

impl<S: Spec> Spec for Own<'_, S> {
    type State = S::State;
    type Op = S::Op;

    fn initial(&self) -> S::State {
        self.0.initial()
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<S::Op>, String> {
        self.0.read(call)
    }

    fn step(&self, state: &S::State, op: &S::Op) -> Option<S::State> {
        self.0.step(state, op)
    }

    fn only_reads(&self, op: &S::Op) -> bool {
        self.0.only_reads(op)
    }

    fn bytes(&self, state: &S::State) -> u64 {
        self.0.bytes(state)
    }

    fn show(&self, state: &S::State) -> String {
        self.0.show(state)
    }

    fn refine(&self, ops: &mut Vec<Timed<S::Op>>) {
        self.0.refine(ops);
    }
}

impl<S: Spec<State: Send + Sync, Op: Send + Sync> + Sync> Judged for Own<'_, S> {}
