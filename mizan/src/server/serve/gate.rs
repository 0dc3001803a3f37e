//! Closing a listener without resetting connections that wait in its queue.
//!
//! Closing the socket resets whatever was not accepted yet, even where the client has sent its
//! request already; and between the last accept and the close there is always room for one more.
//! So the kernel is told first to take no *new* connections: a filter on the listening socket
//! drops packets that only have the SYN flag (RFC 9293, section 3.1). Their clients try again
//! after a second, and find the port closed. Handshakes under way still end and are accepted.

#[cfg(target_os = "linux")]
pub(super) use linux::close;
#[cfg(not(target_os = "linux"))]
pub(super) use other::close;

#[cfg(target_os = "linux")]
mod linux {
    use socket2::{SockFilter, SockRef};
    use tokio::net::TcpListener;

    /// Lets no new connection begin.
    pub(in super::super) fn close(listener: &TcpListener) {
        // Classic BPF (Linux: Documentation/networking/filter.rst); the packet begins at TCP's header
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        const FLAGS: u32 = 13;
        const SYN: u32 = 0x02;
        const ACK: u32 = 0x10;
        let drop_syn = [
            SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
            SockFilter::new(AND, 0, 0, SYN | ACK),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
            SockFilter::new(RETURN, 0, 0, 0),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
        ];
        if let Err(error) = SockRef::from(listener).attach_filter(&drop_syn) {
            tracing::debug!(%error, "new connections can't be kept out: one may be reset");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// There is no such filter here: a connection that arrives at the very end may be reset.
    pub(in super::super) fn close(_: &tokio::net::TcpListener) {}
}
