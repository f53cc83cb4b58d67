//! Logic of commands.
