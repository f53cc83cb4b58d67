//! The checksum database: signed notes ([`note`]), the transparency log's tree ([`tree`]),
//! and the client that joins them ([`client`]).

pub mod client;
pub mod note;
pub mod tree;

pub use client::SumDb;
