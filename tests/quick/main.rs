//! The end-to-end tests that start no cluster: bad input, histories from elsewhere, budgets, and
//! the fuzz targets on a stable compiler. Together they take seconds.
//!
//! ```text
//! cargo test -p schism --test quick
//! ```

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod check;
mod formats;
mod fuzz;
mod reference;
