//! `cargo xtask new`: a project out of the starter, which depends on this checkout.

use crate::process::{self, Result, cargo, root};
use std::{fs, path::Path};

pub(crate) fn run(folder: &Path) -> Result {
    let parent = folder
        .parent()
        .filter(|parent| *parent != Path::new(""))
        .unwrap_or(Path::new("."));
    let name = folder.file_name().ok_or("name the folder to make")?;
    fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let template = root().join("app-template");
    let mut generate = cargo();
    generate
        .current_dir(parent)
        .args(["leptos", "new", "--name"])
        .arg(name);
    process::run(generate.arg("--path").arg(template))?;
    link(folder)
}

/// Takes the crates from this checkout, which may be ahead of what is published.
fn link(folder: &Path) -> Result {
    let path = |name| root().join(name).display().to_string();
    let config = format!(
        "[patch.crates-io]\nmizan = {{ path = {:?} }}\nmizan-macros = {{ path = {:?} }}\n",
        path("mizan"),
        path("mizan-macros"),
    );
    let cargo_folder = folder.join(".cargo");
    fs::create_dir_all(&cargo_folder)
        .and_then(|()| fs::write(cargo_folder.join("config.toml"), config))
        .map_err(|error| format!("{}: {error}", cargo_folder.display()))
}

#[cfg(test)]
mod tests {
    use crate::process::root;
    use std::fs;

    /// The starter is built here by its own manifest, and elsewhere by the template's.
    #[test]
    fn both_manifests_have_the_same_features() {
        let features = |manifest: &str| {
            let text = fs::read_to_string(root().join("app-template").join(manifest)).unwrap();
            let sections = text.split("\n[");
            let mut features = sections.filter(|section| section.starts_with("features]"));
            features.next().map(str::to_owned)
        };
        let here = features("Cargo.toml");
        assert!(here.is_some());
        assert_eq!(here, features("Cargo.toml.liquid"));
    }
}
