//! What the command `precast` shares with the programs that `precast compile --emit exe` makes: how
//! messages look and what the exit codes are ([`exit`], [`shown`]), what a guest gets ([`grants`]), how it
//! is run ([`guest`]), and what a program remembers of that ([`program`]). And what it shares with fuzzing:
//! what it says of artifacts ([`reports`], [`page`]), which may be anyone's.
//!
//! This is no library for others, who have `precast-loader`: anything in it may change at any time.

pub mod bytes;
pub mod exit;
pub mod grants;
pub mod guest;
pub mod page;
pub mod program;
pub mod reports;
pub mod shown;
