//! The bodies of the fuzz targets: each takes any bytes and panics if a promise is broken.

use precast_artifacts_format::Artifact;

/// Opening is total: any bytes give an artifact or an error, and whatever opened can be read.
pub fn parse_artifact(bytes: &[u8]) {
    let Ok(artifact) = Artifact::parse(bytes) else {
        return;
    };
    let funcs = artifact.funcs();
    for index in 0..funcs.len().min(1_000) as u32 {
        let _name = artifact.function_name(index);
        let _function = funcs.get(index).map(|entry| {
            (
                funcs.find(entry.text_offset),
                artifact.traps().lookup(entry.text_offset),
                artifact.address_map().lookup(entry.text_offset),
            )
        });
    }
    let _sites = artifact.traps().iter().count();
    let _pairs = artifact.address_map().iter().count();
    let _verified = artifact.verify();
}

/// Compiling is total, and what it writes opens and matches its digests.
pub fn compile(bytes: &[u8]) {
    let options = precast_compiler::Options {
        features: precast_compiler::Features::ALL,
        ..Default::default()
    };
    if let Ok(artifact) = precast_compiler::compile(bytes, &options) {
        let opened = Artifact::parse(&artifact).expect("what is written opens");
        opened.verify().expect("what is written matches its digests");
    }
}
