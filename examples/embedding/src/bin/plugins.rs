//! A server: threads that run each request in an instance of its own, from a pool.

use std::thread;

use precast_loader::{
    Engine, Error, LimitError, Limits, Linker, Module, Pool, PoolConfig, Prepared, Store,
    include_artifact,
};

const THREADS: i32 = 4;
const REQUESTS_PER_THREAD: i32 = 250;

/// What all threads share.
struct Server {
    engine: Engine,
    pool: Pool,
    plugin: Prepared<()>,
}

impl Server {
    fn new() -> Result<Self, Error> {
        let engine = Engine::default();
        // SAFETY: our own build script has compiled it, and it is a part of this program.
        let module = unsafe { Module::load_embedded(&engine, include_artifact!("tickets"))? };
        let mut config = PoolConfig::new();
        config.max_instances(4).max_memories(4).max_tables(4);
        config.max_memory_bytes(1 << 20);
        Ok(Self {
            pool: Pool::new(&config)?,
            // Imports are found once, not for each request.
            plugin: Linker::new(&engine).prepare(&module)?,
            engine,
        })
    }

    /// Nothing that a request leaves behind is there for the next one.
    fn serve(&self, request: i32) -> Result<(i32, u32), Error> {
        let mut store = Store::new_in(&self.engine, &self.pool, ());
        store.set_limits(Limits::new().total_memory_bytes(128 << 10));
        let plugin = self.plugin.instantiate(&mut store)?;
        let handle = plugin.typed_func::<i32, i32>(&mut store, "handle")?;
        let answer = handle.call(&mut store, request)?;
        let memory = plugin.memory(&mut store, "memory")?;
        Ok((answer, memory.load(&store, 0)?))
    }
}

fn main() -> Result<(), Error> {
    let server = Server::new()?;
    let sum_of_thread = |thread: i32| -> Result<i64, Error> {
        let first = thread * REQUESTS_PER_THREAD;
        let mut sum = 0;
        for request in first..first + REQUESTS_PER_THREAD {
            let (answer, asked_before) = server.serve(request)?;
            assert_eq!((answer, asked_before), (request * request, 1));
            sum += i64::from(answer);
        }
        Ok(sum)
    };
    let sum = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || sum_of_thread(thread)))
            .collect();
        let sums = threads.into_iter().map(|thread| thread.join().unwrap());
        sums.sum::<Result<i64, Error>>()
    })?;
    println!(
        "{} requests, the sum of all answers is {sum}",
        THREADS * REQUESTS_PER_THREAD
    );
    assert_eq!(sum, (0..1000).map(|request| request * request).sum());

    // When all slots are taken, that is an error: the server can wait, or refuse.
    let mut busy = Vec::new();
    let error = loop {
        let mut store = Store::new_in(&server.engine, &server.pool, ());
        match server.plugin.instantiate(&mut store) {
            Ok(_) => busy.push(store),
            Err(error) => break error,
        }
    };
    println!("{} at a time; then: {error}", busy.len());
    assert!(matches!(
        error,
        Error::Limit(LimitError::PoolExhausted { .. })
    ));
    Ok(())
}
