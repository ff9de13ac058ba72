//! Lookups in the DWARF of real compilers, compared with another reader of it, and in DWARF that no
//! compiler would write.

use std::path::PathBuf;

use super::*;

/// Modules by two compilers, in two versions of DWARF each.
const MODULES: [&str; 4] = ["c.dwarf4", "c.dwarf5", "rust.dwarf4", "rust.dwarf5"];

/// Code of the modules is shorter.
const ADDRESSES: u32 = 400;

/// The sections of a module that hold its DWARF.
type Contents = Vec<(String, Vec<u8>)>;

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/dwarf")
        .join(file)
}

/// The custom sections of a module.
fn contents(module: &str) -> Contents {
    fn leb128(bytes: &mut &[u8]) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes.split_off_first().unwrap();
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
    let wasm = std::fs::read(data(&format!("{module}.wasm"))).unwrap();
    let mut left = &wasm[8..];
    let mut contents = Vec::new();
    while let Some(id) = left.split_off_first() {
        let len = leb128(&mut left);
        let mut section = left.split_off(..len).unwrap();
        if *id == 0 {
            let len = leb128(&mut section);
            let name = section.split_off(..len).unwrap();
            let name = String::from_utf8(name.to_vec()).unwrap();
            contents.push((name, section.to_vec()));
        }
    }
    contents
}

fn encoded(contents: &Contents) -> Vec<u8> {
    let sections: Vec<_> = contents
        .iter()
        .map(|(name, data)| (&**name, &**data))
        .collect();
    CustomSections::encode(&sections)
}

/// What `info` knows about each of the addresses.
fn lookups(contents: &Contents, addresses: impl Iterator<Item = u32>) -> Vec<Vec<FrameSymbol>> {
    let info = DebugInfo::default();
    let bytes = encoded(contents);
    let custom = CustomSections::parse(&bytes).unwrap();
    addresses
        .map(|address| info.symbols(custom, address))
        .collect()
}

/// As `llvm-symbolizer` writes it.
fn shown(symbols: &[FrameSymbol]) -> String {
    let shown = symbols.iter().map(|symbol| {
        let name = symbol.name().unwrap_or("??");
        let file = symbol.file().unwrap_or("??");
        let (line, column) = (symbol.line().unwrap_or(0), symbol.column().unwrap_or(0));
        format!(" {name} {file}:{line}:{column}")
    });
    match symbols {
        [] => " ?? ??:0:0".to_owned(),
        _ => shown.collect(),
    }
}

#[test]
fn every_address_is_where_another_reader_says() {
    for module in MODULES {
        let text = std::fs::read_to_string(data(&format!("{module}.symbols"))).unwrap();
        let mut expected = text.lines().map(|line| {
            let (address, symbols) = line.split_once(' ').unwrap();
            let address = address.strip_prefix("0x").unwrap();
            // Names there are the linker's.
            let words = symbols
                .split(' ')
                .map(|word| format!(" {}", demangled(word)));
            (
                u32::from_str_radix(address, 16).unwrap(),
                words.collect::<String>(),
            )
        });
        let mut now = expected.next().unwrap();
        let mut next = expected.next();
        for (address, symbols) in (0..).zip(lookups(&contents(module), 0..ADDRESSES)) {
            if let Some(reached) = next.take_if(|(start, _)| *start == address) {
                now = reached;
                next = expected.next();
            }
            assert_eq!(shown(&symbols), now.1, "{module}, address {address:#x}");
            let (function, inlined) = symbols.split_last().unzip();
            assert!(function.is_none_or(|symbol| !symbol.is_inlined()));
            assert!(
                inlined
                    .unwrap_or_default()
                    .iter()
                    .all(FrameSymbol::is_inlined)
            );
        }
        assert_eq!(next, None, "{module}: all have been compared");
    }
}

#[test]
fn lookups_do_not_depend_on_one_another() {
    for module in MODULES {
        let contents = contents(module);
        let forward = lookups(&contents, 0..ADDRESSES);
        let mut backward = lookups(&contents, (0..ADDRESSES).rev());
        backward.reverse();
        assert_eq!(forward, backward, "{module}");
        for (address, symbols) in (0..).zip(&forward).step_by(7) {
            assert_eq!(lookups(&contents, address..address + 1)[0], *symbols);
        }
    }
}

/// A source of numbers that look as if by chance, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn any_bytes_are_read_without_harm() {
    let interesting = [0, 1, 0x7f, 0x80, 0xff];
    let mut chance = Chance(0x5eed);
    let mut found_less = 0;
    for module in MODULES {
        let good = contents(module);
        let of_dwarf: Vec<usize> = (0..good.len())
            .filter(|&section| good[section].0.starts_with(".debug_"))
            .collect();
        let whole = lookups(&good, 0..ADDRESSES);
        for _ in 0..750 {
            let mut bad = good.clone();
            for _ in 0..=chance.below(4) {
                let section = of_dwarf[chance.below(of_dwarf.len())];
                let bytes = &mut bad[section].1;
                if bytes.is_empty() {
                    continue;
                }
                let at = chance.below(bytes.len());
                match chance.below(8) {
                    0 => bytes.truncate(at),
                    1 => {
                        let part = bytes[at..].to_vec();
                        bytes.extend(part);
                    }
                    2..5 => bytes[at] = interesting[chance.below(interesting.len())],
                    _ => bytes[at] = chance.below(256) as u8,
                }
            }
            let addresses = (1..ADDRESSES).step_by(37);
            let symbols = lookups(&bad, addresses.clone());
            found_less += usize::from(
                !symbols
                    .iter()
                    .eq(addresses.map(|address| &whole[address as usize])),
            );
        }
    }
    assert!(
        found_less > 300,
        "the damage is where it matters: {found_less}"
    );
}

/// A unit with `entries` below its root, all by these abbreviations: 1 for the root, 2 for a
/// function, 3 for an inlined call. Each has an address and a length.
fn unit(entries: &[u8]) -> Contents {
    let mut abbreviations = Vec::new();
    for (code, tag) in [(1, 0x11), (2, 0x2e), (3, 0x1d)] {
        // With children; low_pc: addr, high_pc: data4.
        abbreviations.extend([code, tag, 1, 0x11, 0x01, 0x12, 0x06, 0, 0]);
    }
    abbreviations.push(0);
    let info = [&[4, 0, 0, 0, 0, 0, 4], &entry(1)[..], entries].concat();
    let len = (info.len() as u32).to_le_bytes();
    vec![
        (".debug_abbrev".to_owned(), abbreviations),
        (".debug_info".to_owned(), [&len[..], &info].concat()),
    ]
}

/// An entry for the addresses 16 to 32.
fn entry(code: u8) -> [u8; 9] {
    [code, 16, 0, 0, 0, 16, 0, 0, 0]
}

/// A sequence of a line program: rows as address and line, ascending, and the end.
fn sequence(rows: &[(u8, u8)], end: u8) -> Vec<u8> {
    let mut program = vec![0, 5, 2, rows[0].0, 0, 0, 0];
    let (mut address, mut line) = (rows[0].0, 1);
    for row in rows {
        // Advance the address and the line, make a row.
        program.extend([2, row.0 - address, 3, row.1 - line, 1]);
        (address, line) = *row;
    }
    program.extend([2, end - address, 0, 1, 1]);
    program
}

#[test]
fn lines_of_code_that_was_left_out_are_not_taken_for_others() {
    let mut contents = unit(&[]);
    // The root has a line table, the first one.
    let root = contents[0].1.iter().position(|&byte| byte == 0x06).unwrap();
    contents[0].1.splice(root + 1..root + 1, [0x10, 0x17]);
    contents[1].1.extend([0; 4]);
    contents[1].1[0] += 4;
    let head = [1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
    let names = b"\0a.c\0\0\0\0\0";
    let program = [
        sequence(&[(16, 3), (24, 4)], 32),
        sequence(&[(0, 9), (20, 10)], 28),
    ];
    let (head, program) = ([&head[..], names].concat(), program.concat());
    let head = [&[head.len() as u8, 0, 0, 0], &head[..]].concat();
    let len = 2 + head.len() + program.len();
    let table = [&[len as u8, 0, 0, 0, 4, 0][..], &head, &program].concat();
    contents.push((".debug_line".to_owned(), table));
    let found = lookups(&contents, [16, 23, 24, 31].into_iter());
    let lines: Vec<_> = found.iter().map(|symbols| symbols[0].line()).collect();
    assert_eq!(lines, [Some(3), Some(3), Some(4), Some(4)]);
    assert_eq!(found[0][0].file(), Some("a.c"));
}

/// Which of the functions at an address are inlined, if those are the entries below the root.
fn inlined(entries: &[&[u8]]) -> Vec<bool> {
    let symbols = lookups(&unit(&entries.concat()), 20..21);
    symbols[0].iter().map(FrameSymbol::is_inlined).collect()
}

#[test]
fn calls_nested_without_end_end_nothing() {
    let depth = |depth: usize| {
        let calls = entry(3).repeat(depth);
        inlined(&[&entry(2), &calls, &vec![0; depth + 2]])
    };
    assert_eq!(depth(0), [false]);
    assert_eq!(depth(2), [true, true, false]);
    // More than a stack has room for.
    assert_eq!(depth(1_000_000), [false]);
}

#[test]
fn calls_beside_one_another_are_not_taken_for_nested() {
    let (function, call) = (&entry(2)[..], &entry(3)[..]);
    assert_eq!(
        inlined(&[function, call, &[0], call, &[0, 0]]),
        [true, false]
    );
}

#[test]
fn work_that_takes_no_bytes_is_paid_for() {
    // An abbreviation with many attributes that are all of the form "flag_present", and as many
    // entries of one byte that have them all.
    let mut contents = unit(&[&entry(2)[..], &[4; 10_000]].concat());
    contents[0].1.pop();
    contents[0].1.extend([4, 0x05, 0]);
    contents[0].1.extend([0x3f, 0x19].repeat(10_000));
    contents[0].1.extend([0; 3]);
    let (symbols, left) = first_lookup(&contents, 20);
    assert_eq!(symbols.len(), 1, "what comes before is found");
    assert_eq!(left, 0);
}

#[test]
fn units_that_share_a_table_do_not_multiply_it() {
    // The same abbreviations for each unit, but for the first one, so that none can be kept.
    let code = |number: u16| [number as u8 | 0x80, (number >> 7) as u8];
    let one = |number| [&code(number)[..], &[0x11, 1, 0, 0]].concat();
    let numbers = 128..5_000;
    let mut abbreviations: Vec<u8> = numbers.clone().flat_map(one).collect();
    abbreviations.push(0);
    let info = numbers.flat_map(|number| {
        let offset = (u32::from(number - 128) * 6).to_le_bytes();
        [&[10, 0, 0, 0, 4, 0][..], &offset, &[4], &code(number), &[0]].concat()
    });
    let contents = vec![
        (".debug_abbrev".to_owned(), abbreviations),
        (".debug_info".to_owned(), info.collect()),
    ];
    assert_eq!(first_lookup(&contents, 20), (Vec::new(), 0));
}

/// What the first lookup finds, and what may be read after it.
fn first_lookup(contents: &Contents, address: u32) -> (Vec<FrameSymbol>, u64) {
    let bytes = encoded(contents);
    let info = DebugInfo::default();
    let symbols = info.symbols(CustomSections::parse(&bytes).unwrap(), address);
    let left = info.0.lock().unwrap().as_ref().unwrap().left;
    (symbols, left)
}

#[test]
fn what_has_been_read_once_is_not_read_again() {
    for module in MODULES {
        let bytes = encoded(&contents(module));
        let custom = CustomSections::parse(&bytes).unwrap();
        let info = DebugInfo::default();
        let left = || info.0.lock().unwrap().as_ref().unwrap().left;
        // More than a lookup gets again and again, so that what is spent can be told.
        info.symbols(custom, 0);
        info.0.lock().unwrap().as_mut().unwrap().left = 1 << 40;
        let costs = [0x41, 0x41, 0x41].map(|address| {
            let before = left();
            assert!(!info.symbols(custom, address).is_empty());
            before - left()
        });
        assert!(costs[1] < costs[0], "{module}: {costs:?}");
        assert_eq!(costs[1], costs[2], "{module}");
    }
}
