//! What a message is made of: integers, names and numbers, byte strings, lists, entries; and
//! structs of such, from a list of their fields.

use bytes::{Buf, BufMut, Bytes};

use super::{Field, Reader, WireError, Writer};
use crate::common::log::command_weight;
use crate::machine::{
    Chain, ClientId, Command, EntryId, Epoch, Index, LogEntry, NodeId, Offset, Session, Snapshot,
};

/// Makes a field of a struct whose fields are fields, in the order of this list.
macro_rules! fields {
    ($Type:ident($Inner:ty)) => {
        impl crate::wire::Field for $Type {
            const LEAST: usize = <$Inner as crate::wire::Field>::LEAST;

            fn put(&self, w: &mut crate::wire::Writer) {
                self.0.put(w);
            }

            fn get(r: &mut crate::wire::Reader) -> Result<Self, crate::wire::WireError> {
                <$Inner as crate::wire::Field>::get(r).map($Type)
            }
        }
    };
    (
        $Type:ident { $( $field:ident: $Field:ty $(where after($before:expr))? ),+ $(,)? }
        $(if $sound:expr)?
    ) => {
        impl crate::wire::Field for $Type {
            const LEAST: usize = 0 $(+ <$Field as crate::wire::Field>::LEAST)+;

            fn size(&self) -> usize {
                0 $(+ crate::wire::Field::size(&self.$field))+
            }

            fn put(&self, w: &mut crate::wire::Writer) {
                let $Type { $($field),+ } = self;
                $( crate::wire::put!(w, $field $(, after $before)?); )+
            }

            fn get(r: &mut crate::wire::Reader) -> Result<Self, crate::wire::WireError> {
                $( let $field: $Field = crate::wire::get!(r $(, after $before)?); )+
                $( crate::wire::check($sound, stringify!($sound))?; )?
                Ok($Type { $($field),+ })
            }
        }
    };
}

/// Writes one field; a run of entries goes without its indices.
macro_rules! put {
    ($w:ident, $field:ident) => {
        crate::wire::Field::put($field, $w)
    };
    ($w:ident, $field:ident, after $before:expr) => {
        $w.run($field)
    };
}

/// The reverse.
macro_rules! get {
    ($r:ident) => {
        crate::wire::Field::get($r)?
    };
    ($r:ident, after $before:expr) => {
        $r.run($before)?
    };
}

pub(crate) use {fields, get, put};

macro_rules! integers {
    ($($type:ty: $put:ident $get:ident),+) => {$(
        impl Field for $type {
            const LEAST: usize = size_of::<$type>();

            fn put(&self, w: &mut Writer) {
                w.0.$put(*self);
            }

            fn get(r: &mut Reader) -> Result<Self, WireError> {
                r.need(Self::LEAST)?;
                Ok(r.0.$get())
            }
        }
    )+};
}

integers!(u8: put_u8 get_u8, u32: put_u32_le get_u32_le, u64: put_u64_le get_u64_le);

fields!(NodeId(u8));
fields!(Index(u64));
fields!(Offset(u64));
fields!(Epoch(u64));
fields!(Chain(u64));
fields!(ClientId(u64));
fields!(EntryId { index: Index, epoch: Epoch });
fields!(Session { client: ClientId, seq: u64 });
fields!(LogEntry { index: Index, epoch: Epoch, command: Command });
fields!(Snapshot {
    index: Index,
    epoch: Epoch,
    chain: Chain,
    length: Offset,
    delivered_chain: Chain,
    state: Bytes,
});

impl Field for bool {
    const LEAST: usize = 1;

    fn put(&self, w: &mut Writer) {
        u8::from(*self).put(w);
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        match u8::get(r)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(WireError(format!("{other} is neither yes nor no"))),
        }
    }
}

impl Field for Bytes {
    const LEAST: usize = 4;

    fn size(&self) -> usize {
        Self::LEAST + self.len()
    }

    fn put(&self, w: &mut Writer) {
        w.count(self.len());
        w.0.put_slice(self);
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        let length = r.count(1)?;
        Ok(r.0.split_to(length))
    }
}

impl<T: Field> Field for Option<T> {
    const LEAST: usize = 1;

    fn size(&self) -> usize {
        Self::LEAST + self.as_ref().map_or(0, T::size)
    }

    fn put(&self, w: &mut Writer) {
        self.is_some().put(w);
        if let Some(value) = self {
            value.put(w);
        }
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        Ok(if bool::get(r)? { Some(T::get(r)?) } else { None })
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    const LEAST: usize = A::LEAST + B::LEAST;

    fn size(&self) -> usize {
        self.0.size() + self.1.size()
    }

    fn put(&self, w: &mut Writer) {
        self.0.put(w);
        self.1.put(w);
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        Ok((A::get(r)?, B::get(r)?))
    }
}

impl<T: Field> Field for Vec<T> {
    const LEAST: usize = 4;

    fn size(&self) -> usize {
        Self::LEAST + self.iter().map(T::size).sum::<usize>()
    }

    fn put(&self, w: &mut Writer) {
        w.count(self.len());
        for value in self {
            value.put(w);
        }
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        let count = r.count(T::LEAST)?;
        (0..count).map(|_| T::get(r)).collect()
    }
}

impl Field for Command {
    const LEAST: usize = 1;

    fn size(&self) -> usize {
        command_weight(self)
    }

    fn put(&self, w: &mut Writer) {
        match self {
            Command::Noop => 0u8.put(w),
            Command::Open => 1u8.put(w),
            Command::Note(note) => {
                3u8.put(w);
                note.put(w);
            }
            Command::Append { value, session, expect } => {
                (2 | u8::from(session.is_some()) << 2 | u8::from(expect.is_some()) << 3).put(w);
                if let Some(session) = session {
                    session.put(w);
                }
                if let Some(expect) = expect {
                    expect.put(w);
                }
                value.put(w);
            }
        }
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        let kind = u8::get(r)?;
        Ok(match kind {
            0 => Command::Noop,
            1 => Command::Open,
            3 => Command::Note(Bytes::get(r)?),
            2 | 6 | 10 | 14 => {
                let session = if kind & 4 == 0 { None } else { Some(Session::get(r)?) };
                let expect = if kind & 8 == 0 { None } else { Some(Offset::get(r)?) };
                Command::Append { value: Bytes::get(r)?, session, expect }
            }
            other => return Err(WireError(format!("no entry is of kind {other}"))),
        })
    }
}
