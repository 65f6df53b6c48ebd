//! What pages and pictures are made with: SVG as text, one style sheet, the frame of a page, and
//! text cut and wrapped to its room. Reports and stories share it.
//! It never knows a run or a story, and never takes a colour: classes only, so that the style
//! sheet decides light and dark.

pub mod page;
pub mod svg;
pub mod text;
