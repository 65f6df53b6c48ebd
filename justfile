# Every command a person needs. Each is a thin line over cargo or `schism`; none is required:
# the README's two cargo commands do without.

schism := "cargo run --release --quiet --"

# What there is.
default:
    @just --list

# Run a workload: `just run raft-under-fire`, `just run workloads/quiet.yaml --seed 7`
[group('run')]
run WORKLOAD *ARGS:
    {{schism}} run {{WORKLOAD}} {{ARGS}}

# Judge a saved run, or any history file, again
[group('run')]
check RUN *ARGS:
    {{schism}} check {{RUN}} {{ARGS}}

# Write the report of a saved run again
[group('run')]
report RUN:
    {{schism}} report {{RUN}}

# One workload on several systems: `just compare leader-crash --systems raft,vsr,zab`
[group('run')]
compare WORKLOAD *ARGS:
    {{schism}} compare {{WORKLOAD}} {{ARGS}}

# A small run told step by step: `just explain raft --html raft.html`
[group('run')]
explain SYSTEM *ARGS:
    {{schism}} explain {{SYSTEM}} {{ARGS}}

# What can be run, planted, broken, found: `just list bugs`
[group('run')]
list *WHAT:
    {{schism}} list {{WHAT}}

# Planted bugs and their controls: `just hunt`, `just hunt R13 --seeds 5`
[group('proof')]
hunt *ARGS:
    {{schism}} hunt {{ARGS}}

# What is known of other people's systems, found again (docs/found.md); each needs its program
[group('proof')]
known-bugs:
    {{schism}} run etcd-serializable nats-cas nats-direct-reads zookeeper-local-reads redis-failover \
        postgres-async-failover postgres-no-fence rabbitmq-no-confirms galera-stale-reads \
        galera-flush-later --seed 1

# Mutants of the protocols, made in a copy below target/, hunted with shipped workloads: up to seven runs of 20 s each
[group('proof')]
mutants SAMPLE="40" SEED="1" JOBS="2":
    cargo run --manifest-path mutants/Cargo.toml --target-dir target/mutants/tool -- {{SAMPLE}} {{SEED}} {{JOBS}}

# Fresh seeds of everything under fire, as the nightly job does; failed runs are kept in runs/
[group('proof')]
nightly RUNS="20":
    {{schism}} run raft-under-fire raft-partitions raft-crashes raft-pauses leader-crash \
        leader-partition multi-paxos-under-fire vsr-under-fire zab-under-fire sequencer-under-fire \
        manual-failover-under-fire paxos-under-fire log-from-consensus-under-fire \
        consensus-from-log-under-fire flp flp-paxos hard/raft hard/multi-paxos hard/vsr \
        hard/vsr-memory hard/zab hard/sequencer hard/manual-failover hard/log-from-consensus \
        hard/consensus-from-log --runs {{RUNS}} --seed $(date +%Y%m%d)

# All tests
[group('develop')]
test *ARGS:
    cargo test {{ARGS}}

# Everything but the tests that start clusters of real processes: seven minutes on two cores
[group('develop')]
test-quick *ARGS:
    cargo test --workspace --exclude schism {{ARGS}}
    cargo test -p schism --lib --bins --test tidy --test quick {{ARGS}}

# The tests that start clusters of real processes
[group('develop')]
test-real *ARGS:
    cargo build -p schism --examples
    cargo test -p schism --test real {{ARGS}}

# Other people's systems, each in a short run, where they are installed
[group('develop')]
test-systems *ARGS:
    cargo test -p schism --test systems {{ARGS}}

# What CI runs
[group('develop')]
ci:
    .ci/run

# Throughput and latency of the node, the proxy and the judge
[group('develop')]
bench:
    cargo bench -p schism-node
    cargo bench -p schism --bench proxy
    cargo bench -p schism-verify
