//! Texts: against `diffy`, `gix-merge` and `git merge-file`.

use std::process::Command;

use gix_merge::blob::builtin_driver::text as gix;
use ifmatch::merge::text;

use crate::measure;

/// Lines as source files have them: most occur once, some often.
fn lines(count: usize) -> Vec<String> {
    let line = |at: usize| match at % 9 {
        0 => "}\n".to_owned(),
        4 => "\n".to_owned(),
        _ => format!("    let value_{at} = compute({}, {});\n", at * 31 % 1009, at % 77),
    };
    (0..count).map(line).collect()
}

/// The share of the lines, in thousandths, replaced, added to or removed.
fn edited(base: &[String], side: u64, thousandths: u64) -> String {
    let mut random = fastrand::Rng::with_seed(side);
    let mut out = String::new();
    for (at, line) in base.iter().enumerate() {
        if random.u64(..1000) < thousandths {
            match random.u8(..3) {
                0 => out.push_str(&format!("    changed_{side}_{at}();\n")),
                1 => out.push_str(&format!("{line}    added_{side}_{at}();\n")),
                _ => {}
            }
        } else {
            out.push_str(line);
        }
    }
    out
}

pub fn against_peers() {
    println!("Texts; ratios of ours to each");
    let folder = std::env::temp_dir().join(format!("ifmatch-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for thousandths in [10, 100] {
        for count in [100, 1_000, 10_000, 100_000] {
            let base = lines(count);
            let (local, remote) = (edited(&base, 1, thousandths), edited(&base, 2, thousandths));
            let base = base.concat();
            let ours = measure(|| text(&base, &local, &remote));
            let diffy = measure(|| diffy::merge(&base, &local, &remote));
            let gix = measure(|| {
                let mut out = Vec::new();
                let mut input = imara_diff::InternedInput::default();
                let [l, b, r] = [&local, &base, &remote].map(|t| t.as_bytes());
                gix_merge::blob::builtin_driver::text(&mut out, &mut input, gix::Labels::default(), l, b, r, gix::Options::default());
                out
            });
            for (name, content) in [("local", &local), ("base", &base), ("remote", &remote)] {
                std::fs::write(folder.join(name), content).unwrap();
            }
            let git = measure(|| {
                Command::new("git").args(["merge-file", "-p", "local", "base", "remote"]).current_dir(&folder).output()
            });
            println!(
                "{count:>7} lines, {:>2} %: ours {ours}; diffy {:.2}, gix-merge {:.2}, git merge-file {:.2}",
                thousandths / 10,
                ours.against(diffy),
                ours.against(gix),
                ours.against(git),
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

pub fn hostile() {
    println!("Texts that have nothing in common, or far too much");
    for count in [10_000, 100_000] {
        let unrelated = |side: usize| (0..count).map(|at| format!("{side} {at}\n")).collect::<String>();
        let (b, l, r) = (unrelated(0), unrelated(1), unrelated(2));
        println!("{count:>7} unrelated lines:       {}", measure(|| text(&b, &l, &r)));
        for kinds in [2, 10, 300] {
            let few = |seed: u64| {
                let mut random = fastrand::Rng::with_seed(seed);
                (0..count).map(|_| format!("{}\n", random.u32(..kinds))).collect::<String>()
            };
            let (b, l, r) = (few(0), few(1), few(2));
            println!("{count:>7} lines of {kinds:>3} kinds:     {}", measure(|| text(&b, &l, &r)));
        }
        let shuffled = |seed: u64| {
            let mut lines: Vec<String> = (0..count).map(|at| format!("{at}\n")).collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut lines);
            lines.concat()
        };
        let (b, l, r) = (shuffled(0), shuffled(1), shuffled(2));
        println!("{count:>7} shuffled lines:        {}", measure(|| text(&b, &l, &r)));
    }
}
