//! All packages of the standard library check without errors.

mod world;

#[test]
fn std_checks_without_errors() {
    let Some(goroot) = world::goroot() else {
        return world::skip("std_checks_without_errors");
    };
    let world = world::World::new(&goroot);
    let packages = world.std_packages();
    assert!(packages.len() > 200, "{} packages found", packages.len());
    for path in &packages {
        if let Err(why) = world.import(path) {
            world.errors.lock().unwrap().insert(path.clone(), vec![why]);
        }
    }
    let errors = world.errors.lock().unwrap();
    let total: usize = errors.values().map(Vec::len).sum();
    eprintln!(
        "{} packages, {} with errors, {total} errors",
        packages.len(),
        errors.len()
    );
    let shown: Vec<&String> = errors.values().flatten().take(60).collect();
    assert!(errors.is_empty(), "{shown:#?}");
}
