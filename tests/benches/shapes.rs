//! What modules of extreme [shapes](precast_tests::shapes) cost to compile:
//! `cargo bench -p precast-tests --bench shapes [-- [SHAPE] [--opt none|basic|speed|size]]`.
//!
//! Prints, for each shape, at a quarter of its largest size, at half of it and at all of it: bytes of
//! the module, seconds of the processor, the process's largest memory in MiB, and what came of it. If seconds or
//! memory grow more than twofold from one size to the next, something is not linear. Each
//! compilation runs in a process of its own, on one thread, and is given up after two minutes or at 8 GiB.

use std::error::Error;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use precast_compiler::{OptLevel, compile};
use precast_tests::options;
use precast_tests::shapes::{Shape, shapes};

const PATIENCE: Duration = Duration::from_secs(120);
const MEMORY_MIB: u64 = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    let mut wanted = String::new();
    let mut opt = "speed".to_owned();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {}
            "--opt" => opt = args.next().ok_or("--opt needs a level")?,
            "--one" => {
                let name = args.next().unwrap_or_default();
                let size = args.next().unwrap_or_default().parse()?;
                let shape = shapes().find(|shape| shape.name == name);
                return one(shape.ok_or("no such shape")?, size, &opt);
            }
            _ => wanted = arg,
        }
    }
    println!("   number |    bytes | seconds |   MiB | what came of it");
    for shape in shapes().filter(|shape| shape.name.contains(&wanted)) {
        println!("{}", shape.name);
        for divisor in [4, 2, 1] {
            if !in_process(shape, shape.largest / divisor, &opt)? {
                break;
            }
        }
    }
    Ok(())
}

/// Measures in a process of its own; says whether it was done in time.
fn in_process(shape: &Shape, size: u32, opt: &str) -> Result<bool, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--opt", opt, "--one", shape.name, &size.to_string()])
        .stdin(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                println!("{size:>9} | {status}");
            }
            return Ok(status.success());
        }
        let mib = largest_memory(&child.id().to_string()).unwrap_or_default();
        if start.elapsed() > PATIENCE || mib > MEMORY_MIB {
            child.kill()?;
            child.wait()?;
            let seconds = start.elapsed().as_secs();
            println!("{size:>9} | given up after {seconds} s, at {mib} MiB");
            return Ok(false);
        }
        sleep(Duration::from_millis(5));
    }
}

fn one(shape: &Shape, size: u32, opt: &str) -> Result<(), Box<dyn Error>> {
    let wasm = (shape.build)(size);
    let mut options = options();
    options.opt_level = match opt {
        "none" => OptLevel::None,
        "basic" => OptLevel::Basic,
        "size" => OptLevel::SpeedAndSize,
        _ => OptLevel::Speed,
    };
    let before = processor_seconds()?;
    let made = compile(&wasm, &options);
    let seconds = processor_seconds()? - before;
    let outcome = match made {
        Ok(artifact) => format!("{} bytes", artifact.len()),
        Err(error) => error.to_string(),
    };
    let (bytes, mib) = (wasm.len(), largest_memory("self")?);
    println!("{size:>9} | {bytes:>8} | {seconds:>7.2} | {mib:>5} | {outcome}");
    Ok(())
}

/// The processor's time that this process has taken, in seconds: other than a clock's, it hardly
/// depends on what else the machine does.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the process, in parentheses, may hold spaces. User's and system's time follow as
    // the twelfth and thirteenth field, in hundredths.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}

/// The most memory that a process has had so far, in MiB.
fn largest_memory(process: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmHWM")?.parse::<u64>()? / 1024)
}
