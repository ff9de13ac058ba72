//! Calls with arguments that no honest guest would make: any numbers, any memory. No call may panic or leave the mount.
//!
//! Left out are the calls that such numbers would make wait for hours (`poll_oneoff`) or fill the disk (`fd_allocate`).

use crate::preview1::*;
use crate::testing::Guest;

const ROUNDS: u32 = 30_000;

/// A small generator with a fixed seed, so that a failure comes again.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // xorshift64 (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Mostly numbers that mean something: small ones, places of names, the ends of the memory and of the type.
    fn u32(&mut self) -> u32 {
        const CHOSEN: [u32; 8] = [0, 100, 1000, 2000, 65_528, 65_536, u32::MAX - 8, u32::MAX];
        let number = self.next();
        match number % 8 {
            0..5 => (number >> 8) as u32 % 12,
            5..7 => CHOSEN[(number >> 8) as usize % CHOSEN.len()],
            _ => (number >> 8) as u32,
        }
    }

    fn u64(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.next(),
            1 => u64::MAX,
            _ => self.u32().into(),
        }
    }
}

#[test]
fn no_call_panics_or_leaves_the_mount() {
    let mut guest = Guest::with_dir("hostile");
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
        let call = numbers.next() % 40;
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
            _ => fd_write(ctx, memory, a, 100, 1, 0),
        });
        if guest.ctx.table.dir(3, 0).is_err() {
            check_outside(&guest);
            guest = Guest::with_dir(&format!("hostile-{round}"));
        }
    }
    check_outside(&guest);
}

fn check_outside(guest: &Guest) {
    assert_eq!(std::fs::read(guest.outside()).unwrap(), b"secret");
    assert_eq!(guest.siblings(), ["mount", "outside"]);
}

crate::testing::also_in_memory!(no_call_panics_or_leaves_the_mount);
