//! `--listen`: sockets that a guest takes connections from.

use std::fmt;
use std::net::TcpListener;

use anyhow::{Context as _, Result};

use crate::exit;

const NONBLOCK: &str = "nonblock";

/// A socket that is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listen {
    /// As [`TcpListener::bind`] takes it.
    address: String,
    port: u16,
    nonblocking: bool,
}

/// Parses `HOST:PORT[,nonblock]`.
///
/// # Errors
///
/// If there is no port.
pub(super) fn parse(text: &str) -> Result<Listen, String> {
    let (address, nonblocking) = match text.rsplit_once(',') {
        Some((address, NONBLOCK)) => (address, true),
        Some(_) => return Err(format!("expected HOST:PORT or HOST:PORT,{NONBLOCK}")),
        None => (text, false),
    };
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) => Ok(Listen {
            address: address.into(),
            port,
            nonblocking,
        }),
        Some(Err(error)) => Err(format!("the port: {error}")),
        None => Err("expected HOST:PORT, as 127.0.0.1:8080 or [::1]:8080".into()),
    }
}

impl Listen {
    /// Starts to listen. Where the port was left to the system, says which it is.
    ///
    /// # Errors
    ///
    /// If the host is not known or not this one, or the port is taken.
    pub(super) fn open(&self) -> Result<TcpListener> {
        let Self {
            address,
            port,
            nonblocking,
        } = self;
        let cannot = || format!("cannot listen at {address}");
        let listener = TcpListener::bind(address).with_context(cannot)?;
        listener
            .set_nonblocking(*nonblocking)
            .with_context(cannot)?;
        if *port == 0 {
            let bound = listener.local_addr().with_context(cannot)?;
            exit::say(format_args!("precast: listening at {bound}"));
        }
        Ok(listener)
    }
}

/// As it is parsed.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        match self.nonblocking {
            true => write!(f, ",{NONBLOCK}"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        let check = |text: &str, address: &str, port, nonblocking| {
            let expected = Listen {
                address: address.into(),
                port,
                nonblocking,
            };
            assert_eq!(parse(text), Ok(expected));
        };
        check("127.0.0.1:8080", "127.0.0.1:8080", 8080, false);
        check("[::1]:0,nonblock", "[::1]:0", 0, true);
        check("localhost:80", "localhost:80", 80, false);
        for wrong in ["", "localhost", "1.2.3.4:", "a:70000", "a:1,block", "a:1,"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
