//! The messages of a protocol, from a list of them and of their fields.

use super::WireError;
use crate::{FramePart, FrameRow};

/// Writes what the messages of a protocol are from a list: for each kind of frame its number, its
/// name for people and what it can do to a decision ([`FramePart`]), and its fields.
///
/// * `entries: Vec<LogEntry> where after(prev.index)` is a run: it travels without indices, since
///   a field before it says where it begins.
/// * `if piece < pieces`: a frame of which that is not true is refused.
/// * `nested { Order { order: Order } after { at: Place } }`: the kinds of another such enum, with
///   fields in front of its own.
macro_rules! messages {
    (
        $(#[$message_doc:meta])*
        pub struct Message { $(#[$header_doc:meta])* $header:ident: $Header:ty }

        $($body:tt)+
    ) => {
        $(#[$message_doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct Message {
            $(#[$header_doc])*
            pub $header: $Header,
            /// What it says.
            pub body: Body,
        }

        impl crate::wire::Wire for Message {
            fn encode(&self) -> ::bytes::Bytes {
                crate::wire::encode(self.$header, &self.body)
            }

            fn decode(frame: ::bytes::Bytes) -> Result<Self, crate::wire::WireError> {
                crate::wire::decode(frame).map(|($header, body)| Message { $header, body })
            }
        }

        crate::wire::messages! { $($body)+ }
    };
    (
        $(#[$enum_doc:meta])*
        pub enum $Enum:ident {
            $(
                $(#[$doc:meta])*
                $KIND:ident = $number:literal $name:literal $part:ident: $Variant:ident $({
                    $(
                        $(#[$field_doc:meta])*
                        $field:ident: $Field:ty $(where after($before:expr))?
                    ),+ $(,)?
                })? $(if $sound:expr)?
            ),* $(,)?
        }
        $(nested {
            $(
                $(#[$nested_doc:meta])*
                $Nested:ident { $(#[$inner_doc:meta])* $inner:ident: $Inner:ty $(,)? }
                $(after {
                    $( $(#[$own_doc:meta])* $own:ident: $Own:ty ),+ $(,)?
                })?
            ),+ $(,)?
        })?
    ) => {
        $(#[$enum_doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum $Enum {
            $(
                $(#[$doc])*
                $Variant $({ $( $(#[$field_doc])* $field: $Field ),+ })?,
            )*
            $($(
                $(#[$nested_doc])*
                $Nested {
                    $($( $(#[$own_doc])* $own: $Own, )+)?
                    $(#[$inner_doc])*
                    $inner: $Inner,
                },
            )+)?
        }

        impl $Enum {
            $(
                #[doc = concat!("The kind of the frame `", $name, "`.")]
                pub const $KIND: u8 = $number;
            )*

            /// Its kinds, for whoever looks at frames on their way.
            pub const FRAMES: &'static [crate::FrameRow] = {
                const OWN: &[crate::FrameRow] = &[$(
                    crate::FrameRow {
                        kind: $number,
                        name: $name,
                        part: crate::FramePart::$part,
                    }
                ),*];
                &crate::wire::joined::<{ OWN.len() $($(+ <$Inner>::FRAMES.len())+)? }>(
                    &[OWN $($(, <$Inner>::FRAMES)+)?],
                )
            };
        }

        impl crate::wire::Body for $Enum {
            fn has(kind: u8) -> bool {
                Self::FRAMES.iter().any(|row| row.kind == kind)
            }

            fn kind(&self) -> u8 {
                match self {
                    $( Self::$Variant { .. } => $number, )*
                    $($( Self::$Nested { $inner, .. } => crate::wire::Body::kind($inner), )+)?
                }
            }

            fn size(&self) -> usize {
                match self {
                    $(
                        Self::$Variant $({ $($field),+ })? => {
                            0 $($(+ crate::wire::Field::size($field))+)?
                        }
                    )*
                    $($(
                        Self::$Nested { $($($own,)+)? $inner } => {
                            crate::wire::Body::size($inner)
                                $($(+ crate::wire::Field::size($own))+)?
                        }
                    )+)?
                }
            }

            fn put(&self, w: &mut crate::wire::Writer) {
                match self {
                    $(
                        Self::$Variant $({ $($field),+ })? => {
                            $($( crate::wire::put!(w, $field $(, after $before)?); )+)?
                        }
                    )*
                    $($(
                        Self::$Nested { $($($own,)+)? $inner } => {
                            $($( crate::wire::put!(w, $own); )+)?
                            crate::wire::Body::put($inner, w);
                        }
                    )+)?
                }
            }

            fn get(kind: u8, r: &mut crate::wire::Reader) -> Result<Self, crate::wire::WireError> {
                match kind {
                    $(
                        $number => {
                            $($(
                                let $field: $Field = crate::wire::get!(r $(, after $before)?);
                            )+)?
                            $( crate::wire::check($sound, stringify!($sound))?; )?
                            Ok(Self::$Variant $({ $($field),+ })?)
                        }
                    )*
                    $($(
                        kind if <$Inner as crate::wire::Body>::has(kind) => {
                            $($( let $own: $Own = crate::wire::get!(r); )+)?
                            let $inner = <$Inner as crate::wire::Body>::get(kind, r)?;
                            Ok(Self::$Nested { $($($own,)+)? $inner })
                        }
                    )+)?
                    other => Err(crate::wire::no_such(other)),
                }
            }
        }
    };
}

pub(crate) use messages;

/// Several tables of frames as one, of `N` rows.
pub(crate) const fn joined<const N: usize>(tables: &[&[FrameRow]]) -> [FrameRow; N] {
    let mut rows = [FrameRow { kind: 0, name: "", part: FramePart::Asks }; N];
    let (mut table, mut row, mut filled) = (0, 0, 0);
    while table < tables.len() {
        if row == tables[table].len() {
            (table, row) = (table + 1, 0);
        } else {
            rows[filled] = tables[table][row];
            (row, filled) = (row + 1, filled + 1);
        }
    }
    assert!(filled == N, "N counts all rows");
    rows
}

/// Refuses what cannot be true of any message.
pub(crate) fn check(sound: bool, what: &str) -> Result<(), WireError> {
    if sound { Ok(()) } else { Err(WireError(format!("{what} does not hold"))) }
}

/// The error of a kind that the protocol does not have.
pub(crate) fn no_such(kind: u8) -> WireError {
    WireError(format!("no message is of kind {kind}"))
}
