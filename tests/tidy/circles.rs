//! Files of one crate that import each other in a circle: none can be read, tested or moved without
//! the others. Paths are followed through re-exports to the file that defines the name, so
//! `mod.rs` stands between nobody by handing names on.
//!
//! What a module takes from the files of its own folder does not count: it declares them, and a
//! table in a `mod.rs` names its rows. What they take from it does. Tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{assert_clean, files_under, read, root, show};

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = crates().into_iter().flat_map(|folder| Sources::under(&folder).circles());
    assert_clean(circles.map(|arrows| format!("a circle:{arrows}")).collect());
}

/// The source folders of the workspace's members.
fn crates() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    members.split('"').skip(1).step_by(2).map(|member| format!("{member}/src")).collect()
}

/// A module's path within its crate.
type Module = Vec<String>;

/// One file.
struct Source {
    file: String,
    /// What it imports: the path, and the name that it has here.
    uses: Vec<(Vec<String>, String)>,
    /// Paths in its code.
    paths: Vec<Vec<String>>,
    code: String,
}

/// Which module takes from which, and which names.
type Arrows<'a> = BTreeMap<&'a Module, BTreeMap<&'a Module, BTreeSet<String>>>;

/// The files of one crate, by module.
struct Sources(BTreeMap<Module, Source>);

impl Sources {
    fn under(folder: &str) -> Sources {
        let mut sources = BTreeMap::new();
        let mut tests: Vec<Module> = Vec::new();
        for path in files_under(&root().join(folder), "rs") {
            let file = show(&path);
            let name = file.strip_prefix(folder).unwrap().trim_start_matches('/');
            let mut module: Module =
                name.trim_end_matches(".rs").split('/').map(Into::into).collect();
            match module.last().unwrap().as_str() {
                "mod" | "lib" => drop(module.pop()),
                "main" => continue, // a crate of its own
                _ => {}
            }
            let text = read(&path);
            tests.extend(test_modules(&text).map(|name| [&module[..], &[name]].concat()));
            sources.insert(module, Source::new(file, &text));
        }
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Sources(sources)
    }

    /// Follows a path to the file that defines the name at its end. None: it leads out of the
    /// crate, or to a module and no name.
    fn follow(&self, from: &Module, path: &[String], hops: usize) -> Option<(&Module, String)> {
        let ups = path.iter().take_while(|word| *word == "super").count();
        let child = [&from[..], &path[..1]].concat();
        let (mut at, mut rest) = match path[0].as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => (from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..]),
            _ if self.0.contains_key(&child) => (child, &path[1..]),
            name => {
                let known = &self.0[from].uses;
                let (imported, _) = known.iter().find(|(_, known)| known == name)?;
                // `use thing::thing` must not go round for ever.
                let whole = [&imported[..], &path[1..]].concat();
                return if hops == 0 { None } else { self.follow(from, &whole, hops - 1) };
            }
        };
        loop {
            let name = rest.first()?;
            at.push(name.clone());
            if !self.0.contains_key(&at) {
                at.pop();
                break;
            }
            rest = &rest[1..];
        }
        let (module, source) = self.0.get_key_value(&at)?;
        let name = &rest[0];
        let explicit = source.uses.iter().find(|(_, known)| known == name);
        if let Some((path, _)) = explicit {
            let whole = [&path[..], &rest[1..]].concat();
            return if hops == 0 { None } else { self.follow(module, &whole, hops - 1) };
        }
        let globs = source.uses.iter().filter(|(_, known)| known == "*");
        let through = globs.filter_map(|(path, _)| {
            let whole = [&path[..path.len() - 1], rest].concat();
            self.follow(module, &whole, hops.checked_sub(1)?)
        });
        let defined = |(module, name): &(&Module, String)| self.0[*module].defines(name);
        let through = if source.defines(name) { None } else { through.into_iter().find(defined) };
        Some(through.unwrap_or((module, name.clone())))
    }

    /// Which modules each takes names from, and which names.
    fn arrows(&self) -> Arrows<'_> {
        let mut arrows = Arrows::new();
        for (module, source) in &self.0 {
            let imported = source.uses.iter().map(|(path, _)| path);
            for path in imported.chain(&source.paths) {
                if let Some((target, name)) = self.follow(module, path, 8)
                    && !target.starts_with(module)
                {
                    arrows.entry(module).or_default().entry(target).or_default().insert(name);
                }
            }
        }
        arrows
    }

    /// Each as its arrows: who imports what from whom, one a line.
    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            arrows.keys().map(|module| (*module, reached(&arrows, module))).collect();
        let mut circles = Vec::new();
        let mut done: BTreeSet<&Module> = BTreeSet::new();
        for (module, there) in reach.iter().filter(|(module, there)| there.contains(*module)) {
            if done.contains(module) {
                continue;
            }
            let back =
                |other: &&Module| reach.get(other).is_some_and(|there| there.contains(module));
            let members: BTreeSet<&Module> = there.iter().copied().filter(back).collect();
            done.extend(&members);
            let file = |module: &Module| self.0[module].file.clone();
            let mut lines = Vec::new();
            for (from, targets) in members.iter().filter_map(|from| arrows.get_key_value(from)) {
                for (to, names) in targets.iter().filter(|(to, _)| members.contains(*to)) {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let names = names.join(", ");
                    lines.push(format!("\n    {} -> {}: {names}", file(from), file(to)));
                }
            }
            circles.push(lines.concat());
        }
        circles
    }
}

/// All that a module needs, and all that these need.
fn reached<'a>(arrows: &Arrows<'a>, from: &'a Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut todo: Vec<&Module> = vec![from];
    while let Some(module) = todo.pop() {
        let targets = arrows.get(module).into_iter().flat_map(BTreeMap::keys);
        todo.extend(targets.copied().filter(|target| reached.insert(*target)));
    }
    reached
}

impl Source {
    fn new(file: String, text: &str) -> Source {
        let mut source = Source { file, uses: Vec::new(), paths: Vec::new(), code: String::new() };
        let lines: Vec<&str> =
            product(text).lines().map(|line| line.split("//").next().unwrap()).collect();
        let mut at = 0;
        while at < lines.len() {
            let statement = lines[at].trim_start();
            let import = statement.split_once("use ").filter(|(before, _)| {
                let before = before.trim();
                before.is_empty() || before.starts_with("pub") && !before.contains(' ')
            });
            let Some((_, import)) = import else {
                source.code += lines[at];
                source.code.push('\n');
                at += 1;
                continue;
            };
            let of_tests = at > 0 && lines[at - 1].trim() == "#[cfg(test)]";
            let mut import = import.to_owned();
            while !import.contains(';') {
                at += 1;
                import += lines[at];
            }
            if !of_tests {
                flatten(&[], import.split(';').next().unwrap(), &mut source.uses);
            }
            at += 1;
        }
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for text in source.code.split(|c| !is_path(c)).filter(|text| text.contains("::")) {
            let words: Vec<String> =
                text.split("::").take_while(|word| !word.is_empty()).map(Into::into).collect();
            if words.len() > 1 {
                source.paths.push(words);
            }
        }
        source
    }

    fn defines(&self, name: &str) -> bool {
        let words = ["fn", "struct", "enum", "trait", "const", "static", "type", "macro_rules!"];
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        words.iter().any(|word| {
            let start = format!("{word} {name}");
            self.code.match_indices(&start).any(|(at, _)| ends(&self.code[at + start.len()..]))
        })
    }
}

/// The text before the tests at its end.
pub(super) fn product(text: &str) -> &str {
    let tests = text.match_indices("\n#[cfg(test)]\n").find(|(at, mark)| {
        let mut after = text[at + mark.len()..].lines().skip_while(|line| line.starts_with("#["));
        after.next().is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    tests.map_or(text, |(at, _)| &text[..at])
}

/// The names of modules that are declared for tests only.
fn test_modules(text: &str) -> impl Iterator<Item = String> {
    let after = text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
    let declared = after.filter_map(|line| line.strip_suffix(';')?.split_once("mod "));
    declared.map(|(_, name)| name.to_owned())
}

/// `a::{b, c as d}` as the paths that it stands for, each with its name.
fn flatten(before: &[String], tree: &str, into: &mut Vec<(Vec<String>, String)>) {
    let (start, group) = match tree.split_once('{') {
        Some((start, rest)) => (start, rest.rsplit_once('}').map(|(group, _)| group)),
        None => (tree, None),
    };
    let (start, alias) = match start.split_once(" as ") {
        Some((start, alias)) => (start, Some(alias.trim().to_owned())),
        None => (start, None),
    };
    let words = start.split("::").map(str::trim).filter(|word| !word.is_empty());
    let mut path: Vec<String> = before.iter().cloned().chain(words.map(Into::into)).collect();
    let Some(group) = group else {
        path.pop_if(|word| word == "self" && !before.is_empty());
        if let Some(last) = path.last().cloned() {
            into.push((path, alias.unwrap_or(last)));
        }
        return;
    };
    let mut depth = 0;
    let parts = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        flatten(&path, part, into);
    }
}

#[test]
fn circles_are_found_through_re_exports_and_by_paths_alone() {
    let circles = |texts: &[(&str, &str)]| {
        let source = |(module, text): &(&str, &str)| {
            let path: Module = module.split('/').map(Into::into).collect();
            (path, Source::new((*module).to_owned(), text))
        };
        let mut sources = Sources(texts.iter().map(source).collect());
        sources.0.insert(Module::new(), Source::new("lib".into(), "mod a; mod b; mod c;"));
        sources.circles()
    };
    let door = ("b", "mod in_;\npub use in_::{self, One as First};\nfn own() {}");
    let inside = ("b/in_", "pub struct One;\nfn f() -> crate::a::Two { super::own() }");
    let through = ("a", "use crate::{\n    b::{First, *},\n};\npub struct Two;");
    let found = circles(&[door, inside, through]);
    assert_eq!(found, ["\n    a -> b/in_: One\n    b/in_ -> a: Two"]);
    let module = ("a", "use super::b::in_;\npub struct Two;\nfn f(_: in_::One) {}");
    assert_eq!(circles(&[door, inside, module]).len(), 1);
    let tested = ("a", "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use crate::b::First;\n}");
    assert_eq!(circles(&[door, inside, tested]).len(), 0, "a test may use what it likes");
    let commented = ("a", "pub struct Two; // see crate::b::First");
    assert_eq!(circles(&[door, inside, commented]).len(), 0);
}
