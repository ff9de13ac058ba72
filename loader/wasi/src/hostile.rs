//! Calls with arguments that no honest guest would make: any numbers, any memory. No call may panic or leave the mount.
//!
//! Left out are the calls that such numbers would make wait for hours (`poll_oneoff`) or fill the disk (`fd_allocate`).

use std::io::Write;
use std::net::TcpStream;

use crate::OutputBuffer;
use crate::functions::{Raw, preview1, unstable};
use crate::preview1::*;
use crate::testing::Guest;
use crate::trace::{self, Tracer};

const ROUNDS: u32 = 30_000;

/// A small generator with a fixed seed, so that a failure comes again.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64 (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Mostly numbers that mean something: small ones, places of names, the ends of the memory and of the type.
    pub(crate) fn u32(&mut self) -> u32 {
        const CHOSEN: [u32; 8] = [0, 100, 1000, 2000, 65_528, 65_536, u32::MAX - 8, u32::MAX];
        let number = self.next();
        match number % 8 {
            0..5 => (number >> 8) as u32 % 12,
            5..7 => CHOSEN[(number >> 8) as usize % CHOSEN.len()],
            _ => (number >> 8) as u32,
        }
    }

    pub(crate) fn u64(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.next(),
            1 => u64::MAX,
            _ => self.u32().into(),
        }
    }
}

#[test]
fn no_call_panics_or_leaves_the_mount() {
    let lines = OutputBuffer::new(1 << 16);
    let traced = |name: &str| {
        let mut guest = Guest::with_dir(name);
        guest.ctx.tracer = Some(Tracer::new(lines.clone()));
        guest
    };
    let mut guest = traced("hostile");
    let names = ["a", "b/", "../outside", "a/../..", ".", "/x", "..", "link"];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..ROUNDS {
        if round % 16 == 0 {
            let name = |numbers: &mut Numbers| names[numbers.next() as usize % names.len()];
            guest.put(1000, name(&mut numbers).as_bytes());
            guest.put(2000, name(&mut numbers).as_bytes());
            let iovec: Vec<u8> = (0..16).map(|_| numbers.next() as u8).collect();
            guest.put(100, &iovec);
            guest.put(100, &[0, 8, 0, 0, 9, 0, 0, 0]);
        }
        let mut n = || numbers.u32();
        let (a, b, c, d, e, f, g, h, i) = (n(), n(), n(), n(), n(), n(), n(), n(), n());
        let (x, y) = (numbers.u64(), numbers.u64());
        let call = numbers.next() % 44;
        // Only that it comes back matters.
        let _ = guest.call(|ctx, memory| match call {
            0 => args_get(ctx, memory, a, b),
            1 => args_sizes_get(ctx, memory, a, b),
            2 => environ_get(ctx, memory, a, b),
            3 => environ_sizes_get(ctx, memory, a, b),
            4 => clock_res_get(ctx, memory, a, b),
            5 => clock_time_get(ctx, memory, a, x, b),
            6 => fd_advise(ctx, a, x, y, b),
            7 => fd_close(ctx, a),
            8 => fd_fdstat_get(ctx, memory, a, b),
            9 => fd_fdstat_set_flags(ctx, a, b),
            10 => fd_fdstat_set_rights(ctx, a, x, y),
            11 => fd_filestat_get(ctx, memory, a, b),
            12 => fd_filestat_set_size(ctx, a, x % (1 << 20)),
            13 => fd_filestat_set_times(ctx, a, x, y, b),
            14 => fd_pread(ctx, memory, a, b, c, x, d),
            15 => fd_pwrite(ctx, memory, a, b, c, x % (1 << 20), d),
            16 => fd_prestat_get(ctx, memory, a, b),
            17 => fd_prestat_dir_name(ctx, memory, a, b, c),
            18 => fd_read(ctx, memory, a, b, c, d),
            19 => fd_readdir(ctx, memory, a, b, c, x, d),
            20 => fd_renumber(ctx, a, b),
            21 => fd_seek(ctx, memory, a, x as i64, b, c),
            22 => fd_tell(ctx, memory, a, b),
            23 => fd_write(ctx, memory, a, b, c, d),
            24 => path_create_directory(ctx, memory, a, b, c),
            25 => path_filestat_get(ctx, memory, a, b, c, d, e),
            26 => path_filestat_set_times(ctx, memory, a, b, c, d, x, y, e),
            27 => path_link(ctx, memory, a, b, c, d, e, f, g),
            28 => path_readlink(ctx, memory, a, b, c, d, e, f),
            29 => path_remove_directory(ctx, memory, a, b, c),
            30 => path_rename(ctx, memory, a, b, c, d, e, f),
            31 => path_symlink(ctx, memory, a, b, c, d, e),
            32 => path_unlink_file(ctx, memory, a, b, c),
            33 => random_get(ctx, memory, a, b),
            34 => path_open(ctx, memory, a, b, c, d, e, x, y, f, g),
            // The calls that do most, with names that are there, so that files exist to be mistreated.
            35 => path_open(
                ctx,
                memory,
                3,
                h & 1,
                1000,
                1 + i % 11,
                a & 15,
                x,
                !0,
                b & 31,
                0,
            ),
            36 => path_create_directory(ctx, memory, 3, 1000, 1 + i % 3),
            37 => path_symlink(ctx, memory, 2000, 1 + h % 10, 3, 1000, 1 + i % 10),
            38 => path_rename(ctx, memory, 3, 1000, 1 + h % 10, 3, 2000, 1 + i % 10),
            39 => fd_write(ctx, memory, a, 100, 1, 0),
            // Those of old, and by way of the tracer.
            40 => trace::call(ctx, memory, unstable::fd_filestat_get, &raw([a, b])),
            41 => trace::call(
                ctx,
                memory,
                unstable::fd_seek,
                &[a.into(), x, b.into(), c.into()],
            ),
            42 => trace::call(
                ctx,
                memory,
                unstable::path_filestat_get,
                &raw([a, b, c, d, e]),
            ),
            _ => trace::call(ctx, memory, preview1::path_rename, &raw([a, b, c, d, e, f])),
        });
        assert!(lines.take().len() < 8192);
        if guest.ctx.table.dir(3, 0).is_err() {
            check_outside(&guest);
            guest = traced(&format!("hostile-{round}"));
        }
    }
    check_outside(&guest);
}

fn raw<const N: usize>(args: [u32; N]) -> [u64; N] {
    args.map(Raw::to_raw)
}

/// All non-blocking, since a call that waits may wait for ever.
#[test]
fn no_call_on_sockets_panics() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for _ in 0..20 {
        let (mut guest, address) = Guest::listening();
        fd_fdstat_set_flags(&mut guest.ctx, 3, 4).unwrap();
        let peers = [(); 3].map(|()| TcpStream::connect(address).unwrap());
        for _ in &peers {
            guest
                .call(|ctx, memory| sock_accept(ctx, memory, 3, 4, 0))
                .unwrap();
        }
        (&peers[0]).write_all(&[7; 5000]).unwrap();
        drop(peers);
        let iovecs: Vec<u8> = [[0, 8, 0, 0, 9, 0, 0, 0]; 12].concat();
        guest.put(0, &iovecs);
        for _ in 0..ROUNDS / 40 {
            let mut n = || numbers.u32();
            let (a, b, c, d, e, f) = (n(), n(), n(), n(), n(), n());
            let (x, y) = (numbers.u64(), numbers.u64());
            let call = numbers.next() % 16;
            let _ = guest.call(|ctx, memory| match call {
                0 => sock_accept(ctx, memory, a, b, c),
                1..4 => sock_recv(ctx, memory, a, b & !7, c, d & 3, e, f),
                4 => sock_recv(ctx, memory, a, b, c, d, e, f),
                5 => sock_send(ctx, memory, a, b, c, d, e),
                6..8 => sock_send(ctx, memory, a, b & !7, c, 0, d),
                8 => sock_shutdown(ctx, a, b),
                9 => fd_fdstat_get(ctx, memory, a, b),
                10 => fd_fdstat_set_flags(ctx, a, b | 4),
                11 => fd_fdstat_set_rights(ctx, a, x, y),
                12 => fd_filestat_get(ctx, memory, a, b),
                13 => fd_read(ctx, memory, a, b & !7, c, d),
                14 => fd_write(ctx, memory, a, b & !7, c, d),
                _ => fd_renumber(ctx, a, b),
            });
        }
    }
}

fn check_outside(guest: &Guest) {
    assert_eq!(std::fs::read(guest.outside()).unwrap(), b"secret");
    assert_eq!(guest.siblings(), ["mount", "outside"]);
}
