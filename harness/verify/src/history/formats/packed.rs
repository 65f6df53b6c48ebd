//! Files packed by gzip or zstd, known by their first bytes, and files that are no text at all.
//! It never trusts what a packed file unpacks to: the size of that is bounded by its own size.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// A packed file may unpack to so many times its size. Histories come to 5 to 60 times; gzip can
/// reach 1,000 times and zstd far more.
const RATIO_MAX: u64 = 200;

/// Below so many bytes nobody asks for the ratio: they fit anywhere.
const HARMLESS_BYTES: u64 = 64 << 20;

/// So many bytes are looked at for what no text has. Further on a line can be named.
const LOOK_BYTES: usize = 16;

/// What no history begins with: the first bytes, what that is, and what to do about it.
const STRANGERS: &[(&[u8], &str)] = &[
    (b"JEPSEN", JEPSEN),
    (b"\xfd7zXZ\0", "this is packed by xz; unpack it: `xz -dc FILE | schism check -`"),
    (b"BZh", "this is packed by bzip2; unpack it: `bzip2 -dc FILE | schism check -`"),
    (b"PK\x03\x04", "this is a zip archive; unpack it: `unzip -p FILE | schism check -`"),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    // Fressian's code for a map, which no UTF-8 begins with.
    (b"\xc0", JEPSEN),
];
const JEPSEN: &str = "this is Jepsen's own store of a test (test.jepsen, or Fressian), which is not read; check \
    history.edn, which Jepsen writes beside it, or the whole directory";
const UTF_16: &str =
    "this is UTF-16; make it UTF-8: `iconv -f utf-16 -t utf-8 FILE | schism check -`";
const NO_TEXT: &str = "this is no text; expected a history as text, or one packed by gzip or zstd. Where \
    Jepsen wrote it, check history.edn beside it";

/// Why a file is not read, or not to its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub String);

impl Refused {
    fn io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

/// The bytes of a file, unpacked where it is packed.
pub(super) fn unpacked<'a>(mut file: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::new();
    file.by_ref().take(4).read_to_end(&mut first)?;
    let kind = match first[..] {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd",
        _ => return Ok(Box::new(Cursor::new(first).chain(file))),
    };
    let taken = Rc::new(Cell::new(0));
    let source = Counted { file: Cursor::new(first).chain(file), taken: Rc::clone(&taken) };
    let source = BufReader::new(source);
    let inner: Box<dyn Read + 'a> = match kind {
        "gzip" => Box::new(MultiGzDecoder::new(source)),
        _ => Box::new(Frames { source: Some(source), frame: None }),
    };
    Ok(Box::new(Unpacked { kind, inner, taken, given: 0 }))
}

/// What the first bytes of a text show that is none.
pub(super) fn stranger(bytes: &[u8]) -> Option<&'static str> {
    let known = STRANGERS.iter().find(|(first, _)| bytes.starts_with(first));
    let looked_at = &bytes[..bytes.len().min(LOOK_BYTES)];
    let no_text = || looked_at.contains(&0).then_some(NO_TEXT);
    known.map(|(_, what)| *what).or_else(no_text)
}

/// Counts what is taken from a file.
struct Counted<R> {
    file: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

struct Unpacked<'a> {
    kind: &'static str,
    inner: Box<dyn Read + 'a>,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (kind, given, taken) = (self.kind, self.given, self.taken.get());
        let count = self.inner.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            Refused(format!(
                "the {kind} file cannot be unpacked beyond byte {given} of its content: {error}. If \
                 it is damaged or cut off, get it anew; otherwise `{kind} -dc FILE | schism check -`"
            ))
            .io()
        })?;
        self.given += count as u64;
        if self.given > HARMLESS_BYTES && self.given / RATIO_MAX > self.taken.get() {
            let message = format!(
                "{taken} bytes of {kind} unpack to more than {RATIO_MAX} times as much, as no \
                 history does; if it is one, unpack it first and check that"
            );
            return Err(Refused(message).io());
        }
        Ok(count)
    }
}

/// A zstd file: frames, one after the other.
struct Frames<R: BufRead> {
    /// None: a frame has it.
    source: Option<R>,
    frame: Option<Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                let (source, decoder) = self.frame.take().expect("it was just read").into_parts();
                let said = decoder.get_checksum_from_data();
                if said.is_some() && said != decoder.get_calculated_checksum() {
                    return Err(io::Error::other("its checksum is another"));
                }
                self.source = Some(source);
            }
            let Some(mut source) = self.source.take() else { return Ok(0) };
            if source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = StreamingDecoder::new(source).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::history::formats::{self, Format, ReadError};

    const EDN: &str = "{:process 0, :type :invoke, :f :read, :value nil}\n\
                       {:process 0, :type :ok, :f :read, :value 4}\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn refused(bytes: impl Read) -> String {
        match formats::read(bytes, None) {
            Err(ReadError::Refused(message)) => message,
            other => panic!("it is refused, and not {other:?}"),
        }
    }

    #[test]
    fn a_packed_history_is_the_history() {
        let (_, plain, _) = formats::read(EDN.as_bytes(), None).unwrap();
        let (first, second) = EDN.split_at(EDN.find('\n').unwrap() + 1);
        for pack in [gzip, zstd] {
            let in_two = [pack(first.as_bytes()), pack(second.as_bytes())].concat();
            for packed in [pack(EDN.as_bytes()), in_two] {
                let (format, history, notes) = formats::read(&packed[..], None).unwrap();
                assert_eq!((format, notes.len()), (Format::Edn, 0));
                assert_eq!(history, plain);
                assert_eq!(History::parse(&packed).unwrap().0, plain);
            }
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_off_or_damaged_is_no_history() {
        for (packed, kind) in [(gzip(EDN.as_bytes()), "gzip"), (zstd(EDN.as_bytes()), "zstd")] {
            for end in 5..packed.len() {
                let said = refused(&packed[..end]);
                assert!(said.starts_with(&format!("the {kind} file")), "cut at {end}: {said}");
                assert!(said.contains("get it anew"), "{said}");
            }
            let mut damaged = packed.clone();
            let at = packed.len() - 6;
            damaged[at] ^= 4;
            assert!(refused(&damaged[..]).contains("cannot be unpacked"), "{kind}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let lines = "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"boom\"}\n".repeat(1 << 16);
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        while packed.get_ref().len() < 1 << 20 {
            packed.write_all(lines.as_bytes()).unwrap();
        }
        let said = refused(&packed.finish().unwrap()[..]);
        assert!(said.contains("more than 200 times"), "{said}");
    }

    #[test]
    fn what_is_no_text_is_named_with_the_next_step() {
        for (bytes, words) in [
            (&b"JEPSEN\x00\x01\x02"[..], "history.edn"),
            (b"\xc0\xee\x31", "history.edn"),
            (b"\xfd7zXZ\0\x01", "xz -dc"),
            (b"BZh91AY", "bzip2 -dc"),
            (b"PK\x03\x04\x14", "unzip -p"),
            (b"\xff\xfe{\0", "iconv"),
            (b"{\0\0\0", "no text"),
        ] {
            let said = refused(bytes);
            assert!(said.contains(words), "{said}");
        }
        // Endless, and refused at once.
        assert!(refused(io::repeat(0)).contains("no text"));
    }

    use crate::History;
}
