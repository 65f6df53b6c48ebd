//! Where the frames of a stream begin and end: a length (u32, little endian), then kind (u8), epoch
//! (u64, little endian) and a body. It counts along while bytes pass straight, so that it knows the
//! place when somebody begins to look.
//! It never changes, loses or repeats a byte, and never reads a body.

pub mod meddle;
pub mod overtaken;
pub mod reading;
pub mod tally;

/// No frame of our nodes is longer; whatever says so is no frame.
const FRAME_BYTES_MAX: usize = 8 << 20;
/// What stands before each frame.
const LENGTH_BYTES: usize = 4;
/// Kind and epoch.
const HEADER_BYTES: usize = 9;

/// The place in one stream, from its first byte on.
#[derive(Debug, Default)]
pub struct Cutter {
    /// The beginning of a frame that is not whole yet: read, and not passed on.
    partial: Vec<u8>,
    /// Of a length that is being passed on, so many bytes so far.
    length: Vec<u8>,
    /// Of a frame that is being passed on, so many bytes are to come.
    left: usize,
    /// These are no frames: from here on bytes are only bytes.
    lost: bool,
}

/// A part of a stream, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// A frame, its length before it.
    Frame(Header, Vec<u8>),
    /// Bytes that nobody can say more of: the rest of a frame whose beginning has passed, one too
    /// short to have a header, or what is no frame.
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: u8,
    pub epoch: u64,
}

impl Cutter {
    /// These bytes pass straight.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        assert!(self.partial.is_empty(), "what was kept back is given back before others pass");
        while !bytes.is_empty() && !self.lost {
            bytes = &bytes[self.passed(bytes)..];
        }
    }

    /// Cuts these bytes. An incomplete frame is kept back until the rest of it comes.
    pub fn cut(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() && (self.lost || self.in_passing()) {
            let passed = if self.lost { bytes.len() } else { self.passed(bytes) };
            pieces.push(Piece::Bytes(bytes[..passed].to_vec()));
            bytes = &bytes[passed..];
        }
        let joined;
        let mut rest = bytes;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.partial);
            rest = &joined;
        }
        while let Some(length) = length(rest) {
            if length > FRAME_BYTES_MAX {
                self.lost = true;
                pieces.push(Piece::Bytes(rest.to_vec()));
                return pieces;
            }
            let Some((frame, behind)) = rest.split_at_checked(LENGTH_BYTES + length) else { break };
            pieces.push(match header(&frame[LENGTH_BYTES..]) {
                Some(header) => Piece::Frame(header, frame.to_vec()),
                None => Piece::Bytes(frame.to_vec()),
            });
            rest = behind;
        }
        self.partial = rest.to_vec();
        pieces
    }

    /// Gives back what was kept back: nobody looks any more, or nothing more comes.
    pub fn give_back(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.partial);
        self.pass(&bytes);
        bytes
    }

    /// Whether the beginning of a frame has passed, and its end not.
    fn in_passing(&self) -> bool {
        self.left > 0 || !self.length.is_empty()
    }

    /// Follows the bytes up to the end of a length or of a frame: how many those are.
    fn passed(&mut self, bytes: &[u8]) -> usize {
        if self.left > 0 {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            return passed;
        }
        let passed = (LENGTH_BYTES - self.length.len()).min(bytes.len());
        self.length.extend_from_slice(&bytes[..passed]);
        if let Some(length) = length(&self.length) {
            self.length.clear();
            self.left = length;
            self.lost = length > FRAME_BYTES_MAX;
        }
        passed
    }
}

fn length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk::<LENGTH_BYTES>().map(|bytes| u32::from_le_bytes(*bytes) as usize)
}

fn header(frame: &[u8]) -> Option<Header> {
    let (&kind, epoch) = frame.first_chunk::<HEADER_BYTES>()?.split_first()?;
    let epoch = u64::from_le_bytes(epoch.try_into().expect("nine bytes less one"));
    Some(Header { kind, epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, epoch: u64, body: &[u8]) -> Vec<u8> {
        let length = (HEADER_BYTES + body.len()) as u32;
        [&length.to_le_bytes(), &[kind][..], &epoch.to_le_bytes(), body].concat()
    }

    fn short(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_le_bytes(), body].concat()
    }

    fn headers(pieces: &[Piece]) -> Vec<(u8, u64)> {
        let header = |piece: &Piece| match piece {
            Piece::Frame(header, _) => Some((header.kind, header.epoch)),
            Piece::Bytes(_) => None,
        };
        pieces.iter().filter_map(header).collect()
    }

    fn bytes(pieces: &[Piece]) -> Vec<u8> {
        let bytes = |piece: &Piece| match piece {
            Piece::Frame(_, bytes) | Piece::Bytes(bytes) => bytes.clone(),
        };
        pieces.iter().flat_map(bytes).collect()
    }

    /// Frames of every length about the header's, a short one and an empty one.
    fn stream() -> (Vec<u8>, Vec<(u8, u64)>) {
        let frames = [
            frame(255, 0, b"hello"),
            frame(5, 1, b""),
            short(b"short"),
            frame(3, 0x0102_0304_0506_0708, b"x"),
            short(b""),
            frame(5, u64::MAX, &[7; 40]),
        ];
        let said = vec![(255, 0), (5, 1), (3, 0x0102_0304_0506_0708), (5, u64::MAX)];
        (frames.concat(), said)
    }

    #[test]
    fn a_stream_cut_at_any_two_bytes_has_the_same_frames() {
        let (stream, said) = stream();
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let mut cutter = Cutter::default();
                let mut pieces = cutter.cut(&stream[..first]);
                pieces.extend(cutter.cut(&stream[first..second]));
                pieces.extend(cutter.cut(&stream[second..]));
                assert_eq!(headers(&pieces), said, "{first}, {second}");
                assert_eq!(bytes(&pieces), stream, "{first}, {second}");
                assert_eq!(cutter.give_back(), b"");
            }
        }
    }

    #[test]
    fn a_stream_fed_byte_by_byte_has_the_same_frames() {
        let (stream, said) = stream();
        let mut cutter = Cutter::default();
        let pieces: Vec<Piece> = stream.iter().flat_map(|byte| cutter.cut(&[*byte])).collect();
        assert_eq!((headers(&pieces), bytes(&pieces)), (said, stream));
    }

    #[test]
    fn whoever_begins_to_look_at_any_byte_sees_the_frames_that_begin_from_there_on() {
        let (stream, said) = stream();
        let starts: Vec<usize> = {
            let pieces = Cutter::default().cut(&stream);
            let mut at = 0;
            let start = |piece: &Piece| {
                at += bytes(std::slice::from_ref(piece)).len();
                matches!(piece, Piece::Frame(..)).then_some(at)
            };
            pieces.iter().filter_map(start).collect()
        };
        for from in 0..=stream.len() {
            for to in from..=stream.len() {
                let mut cutter = Cutter::default();
                cutter.pass(&stream[..from]);
                let mut pieces = cutter.cut(&stream[from..to]);
                // And whoever stops to look has lost nothing, and knows the place again.
                pieces.push(Piece::Bytes(cutter.give_back()));
                assert_eq!(bytes(&pieces), stream[from..to], "{from}, {to}");
                let behind = cutter.cut(&stream[to..]);
                assert_eq!(bytes(&behind), stream[to..], "{from}, {to}");
                let ended = starts.iter().filter(|&&end| end <= to).count();
                let seen: Vec<_> = headers(&pieces);
                assert!(said[..ended].ends_with(&seen), "{from}, {to}: {seen:?}");
                assert!(said[ended..].ends_with(&headers(&behind)), "{from}, {to}");
            }
        }
    }

    #[test]
    fn what_is_no_frame_passes_as_bytes() {
        let garbage = [&frame(5, 1, b"last")[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        for cut in 0..=garbage.len() {
            let mut cutter = Cutter::default();
            let mut pieces = cutter.cut(&garbage[..cut]);
            pieces.extend(cutter.cut(&garbage[cut..]));
            assert_eq!(headers(&pieces), [(5, 1)], "{cut}");
            assert_eq!(bytes(&pieces), garbage, "{cut}");
            assert_eq!(cutter.give_back(), b"", "nothing waits for an end that never comes");

            let mut cutter = Cutter::default();
            cutter.pass(&garbage[..cut]);
            assert_eq!(bytes(&cutter.cut(&garbage[cut..])), garbage[cut..], "{cut}");
        }
    }
}
