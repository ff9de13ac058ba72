//! What can be said of an artifact of another version: its bytes mean something else, but for the
//! head of the note, which is the same in every version.

use std::fmt;

use precast_artifacts_format::{
    Arch, Artifact, ArtifactError, CpuFeatures, Difference, Host, Os, Target,
};
use serde::Serialize;

use super::artifact::feature_names;

/// An artifact of another version.
#[derive(Debug, Serialize)]
pub struct ForeignReport {
    file: String,
    kind: &'static str,
    file_bytes: usize,
    target: Option<String>,
    page_bytes: Option<u32>,
    cpu_features: Vec<&'static str>,
    /// In what it differs from what this version reads.
    differences: Vec<String>,
}

impl ForeignReport {
    /// What the bytes say, which differ so from what this version reads.
    pub fn new(file: &str, bytes: &[u8], differences: &[Difference]) -> Self {
        let mut report = Self {
            file: file.to_owned(),
            kind: "artifact",
            file_bytes: bytes.len(),
            target: None,
            page_bytes: None,
            cpu_features: Vec::new(),
            differences: differences.iter().map(Difference::to_string).collect(),
        };
        // Asked whether it fits a machine that can do nothing, an artifact names all it needs.
        let mut host = Host {
            target: Target {
                arch: Arch::X86_64,
                os: Os::Linux,
            },
            page_bytes: 1 << 31,
            cpu_features: CpuFeatures::NONE,
        };
        let needs = |host: &Host| match Artifact::parse_on(bytes, host) {
            Err(ArtifactError::Incompatible(needs)) => needs,
            _ => Vec::new(),
        };
        let other = needs(&host).into_iter().find_map(|need| match need {
            Difference::Target { artifact, .. } => Some(artifact),
            _ => None,
        });
        host.target = other.unwrap_or(host.target);
        report.target = Some(host.target.to_string());
        for need in needs(&host) {
            match need {
                Difference::CpuFeatures { missing } => report.cpu_features = feature_names(missing),
                Difference::PageBytes { artifact, .. } => report.page_bytes = Some(artifact),
                _ => (),
            }
        }
        report
    }
}

impl fmt::Display for ForeignReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: artifact of another version, {} bytes",
            self.file, self.file_bytes
        )?;
        if let Some(target) = &self.target {
            writeln!(f, "  target        {target}")?;
        }
        if let Some(page_bytes) = self.page_bytes {
            writeln!(f, "  pages         {page_bytes} bytes")?;
        }
        writeln!(f, "  CPU features  {}", self.cpu_features.join(" "))?;
        for difference in &self.differences {
            writeln!(f, "  {difference}")?;
        }
        writeln!(
            f,
            "To read more, use the precast that wrote it; to run it, compile the module again."
        )
    }
}
