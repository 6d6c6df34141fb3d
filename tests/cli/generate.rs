//! `bea generate`: made-up recordings that can be had again.

use crate::bea::Bench;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bench = Bench::new();
    for folder in ["one", "two"] {
        let text = bench
            .run(&format!("generate --out {folder} --seed 7 --count 3"))
            .succeeded()
            .out;
        assert!(text.contains("3 recordings"), "{text}");
    }
    bench.run("generate --out other --seed 10").succeeded();
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(bench.path(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("one").len(), 3);
    assert_eq!(names("one"), names("two"));
    for name in names("one") {
        assert_eq!(
            bench.read(&format!("one/{name}")),
            bench.read(&format!("two/{name}"))
        );
    }
    assert!(
        !names("one").contains(&names("other")[0]),
        "another seed is another market"
    );
}

#[test]
fn it_lists_what_it_wrote_and_a_backtest_reads_it() {
    let bench = Bench::new();
    bench.run("new first").succeeded();
    let document = bench.json("generate --out made --kind match-odds --count 2 --json");
    assert_eq!(document["schema"], "bea.generate/1");
    let written = document["recordings"].as_array().unwrap();
    assert_eq!(written.len(), 2);
    for recording in written {
        let text = bench.read(recording["path"].as_str().unwrap());
        assert_eq!(text.len() as u64, recording["bytes"].as_u64().unwrap());
        assert_eq!(
            text.lines().count() as u64,
            recording["lines"].as_u64().unwrap()
        );
    }
    let report = bench.json("backtest first --data made --json");
    assert_eq!(
        (&report["markets"], &report["problems"]),
        (&2.into(), &serde_json::json!([]))
    );
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_no_file() {
    let bench = Bench::new();
    bench
        .run("generate --out made --runners 1")
        .ended_with(2)
        .without_result()
        .saying(&["1 runners", "3 to 20"]);
    assert!(
        bench
            .path("made")
            .read_dir()
            .map_or(true, |mut folder| folder.next().is_none())
    );
    bench
        .run("generate --out made --kind dogs")
        .ended_with(2)
        .saying(&["dogs", "place"]);
    bench.run("generate --out made --count 0").ended_with(2);
}
