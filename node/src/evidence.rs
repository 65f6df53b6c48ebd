//! What a node writes for its judges: the trace and the delivered file. One write(2) a batch and
//! file, with O_APPEND, so that a killed node leaves whole lines. It never decides what is
//! evidence: the protocol says so.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use schism_protocol::{Chain, Delivery, NodeId, Offset, Time, TraceEvent};

use crate::clients::answer::json;

pub struct Evidence {
    trace: Option<Lines>,
    delivered: Option<Lines>,
    /// What every line of the trace says besides its event, but for the time.
    stamp: Vec<u8>,
}

struct Lines {
    file: File,
    buffer: Vec<u8>,
}

impl Evidence {
    /// Opens the files and begins this incarnation in both: that line is on its way to the disk
    /// when this returns.
    pub fn open(
        trace: Option<&Path>,
        delivered: Option<&Path>,
        node: NodeId,
        incarnation: u64,
    ) -> io::Result<Self> {
        let open =
            |path: Option<&Path>| path.map(|path| Lines::open(path, incarnation)).transpose();
        let stamp = format!(",\"node\":\"{node}\",\"inc\":{incarnation},\"at\":").into_bytes();
        let mut evidence = Self { trace: open(trace)?, delivered: open(delivered)?, stamp };
        evidence.flush()?;
        Ok(evidence)
    }

    pub fn trace(&mut self, at: Time, event: &TraceEvent) {
        let Some(Lines { buffer, .. }) = &mut self.trace else { return };
        serde_json::to_writer(&mut *buffer, event).expect("an event of plain data is JSON");
        let brace = buffer.pop();
        assert_eq!(brace, Some(b'}'), "an event is an object with at least its name");
        buffer.extend_from_slice(&self.stamp);
        json(buffer, &at.0);
        buffer.extend_from_slice(b"}\n");
    }

    pub fn deliver(&mut self, delivery: &Delivery) {
        let Some(Lines { buffer, .. }) = &mut self.delivered else { return };
        buffer.extend_from_slice(b"{\"offset\":");
        json(buffer, &delivery.offset.0);
        buffer.extend_from_slice(b",\"value\":");
        buffer.extend_from_slice(&delivery.value);
        if let Some(session) = delivery.session {
            buffer.extend_from_slice(b",\"client\":\"c");
            json(buffer, &session.client.0);
            buffer.extend_from_slice(b"\",\"seq\":");
            json(buffer, &session.seq);
        }
        buffer.extend_from_slice(b",\"epoch\":");
        json(buffer, &delivery.epoch.0);
        buffer.extend_from_slice(b"}\n");
    }

    /// Deliveries go on after a snapshot of this length.
    pub fn restore(&mut self, length: Offset, chain: Chain) {
        let Some(Lines { buffer, .. }) = &mut self.delivered else { return };
        buffer.extend_from_slice(b"{\"restore\":{\"length\":");
        json(buffer, &length.0);
        buffer.extend_from_slice(format!(",\"chain\":\"{chain}\"}}}}\n").as_bytes());
    }

    /// Writes what was said since the last time.
    pub fn flush(&mut self) -> io::Result<()> {
        self.trace.as_mut().map_or(Ok(()), Lines::flush)?;
        self.delivered.as_mut().map_or(Ok(()), Lines::flush)
    }
}

impl Lines {
    fn open(path: &Path, incarnation: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut buffer = Vec::new();
        if file.seek(SeekFrom::End(0))? > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // The last incarnation was killed within a line: that one stays torn, alone.
                buffer.push(b'\n');
            }
        }
        buffer.extend_from_slice(format!("{{\"boot\":{incarnation}}}\n").as_bytes());
        Ok(Self { file, buffer })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use schism_protocol::{ClientId, Epoch, Index, Role, Session};

    #[test]
    fn lines_are_as_the_contract_says() {
        let home = tempfile::tempdir().unwrap();
        let (trace, delivered) = (home.path().join("t"), home.path().join("d"));
        std::fs::write(&delivered, "{\"boot\":1}\n{\"offset\":0,\"val").unwrap();
        let open = |inc| Evidence::open(Some(&trace), Some(&delivered), NodeId(1), inc).unwrap();
        let mut evidence = open(2);
        evidence.restore(Offset(40), Chain(0x9f));
        let delivery = Delivery {
            offset: Offset(42),
            value: Bytes::from_static(b"17"),
            session: Some(Session { client: ClientId(3), seq: 9 }),
            epoch: Epoch(3),
        };
        evidence.deliver(&delivery);
        evidence.deliver(&Delivery { session: None, ..delivery });
        let chain = Chain(1);
        evidence.trace(Time(77), &TraceEvent::Append { i: Index(41), epoch: Epoch(3), chain });
        let (role, epoch, last) = (Role::PreCandidate, Epoch(4), Index(41));
        evidence.trace(Time(78), &TraceEvent::Role { role, epoch, last, chain, length: None });
        let (kind, i, offset) = ("client", Index(41), Some(Offset(40)));
        evidence.trace(Time(79), &TraceEvent::AckSent { kind, i, chain, epoch, offset });
        assert_eq!(std::fs::read_to_string(&trace).unwrap(), "{\"boot\":2}\n", "not yet flushed");
        evidence.flush().unwrap();
        drop(evidence);
        drop(open(3));
        assert_eq!(
            std::fs::read_to_string(&delivered).unwrap(),
            "{\"boot\":1}\n{\"offset\":0,\"val\n{\"boot\":2}\n\
             {\"restore\":{\"length\":40,\"chain\":\"000000000000009f\"}}\n\
             {\"offset\":42,\"value\":17,\"client\":\"c3\",\"seq\":9,\"epoch\":3}\n\
             {\"offset\":42,\"value\":17,\"epoch\":3}\n{\"boot\":3}\n"
        );
        assert_eq!(
            std::fs::read_to_string(&trace).unwrap(),
            "{\"boot\":2}\n\
             {\"e\":\"append\",\"i\":41,\"epoch\":3,\"chain\":\"0000000000000001\",\
             \"node\":\"n1\",\"inc\":2,\"at\":77}\n\
             {\"e\":\"role\",\"role\":\"pre-candidate\",\"epoch\":4,\"last\":41,\
             \"chain\":\"0000000000000001\",\"node\":\"n1\",\"inc\":2,\"at\":78}\n\
             {\"e\":\"ack-sent\",\"kind\":\"client\",\"i\":41,\"chain\":\"0000000000000001\",\"epoch\":4,\
             \"offset\":40,\"node\":\"n1\",\"inc\":2,\"at\":79}\n{\"boot\":3}\n"
        );
    }
}
