//! Recorded answers and messages, whole and mutilated: each is read or refused with a reason, and nothing falls over.

use std::path::PathBuf;

use bea::market::RunnerId;
use bea::venue::betfair::{
    AccountDetails, AccountFunds, BetStatus, ClearedOrders, CurrentOrders, Decoder, Head,
    MarketBook, MarketCatalogue, Names, Placed, Reply, read_answer, read_cancel, read_identity,
    read_update,
};
use proptest::prelude::*;
use serde_json::Value;

/// Every recorded message of a folder: its file, and one message as it was on the wire.
fn recorded(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/betfair")
        .join(folder);
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return Vec::new();
    };
    let mut all = Vec::new();
    for file in files.map(|file| file.unwrap().path()) {
        let value: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let messages = match (folder.ends_with("stream"), value) {
            (true, Value::Array(messages)) => messages,
            (_, one) => vec![one],
        };
        all.extend(
            messages
                .into_iter()
                .map(|one| (file.clone(), one.to_string().into_bytes())),
        );
    }
    all.sort();
    all
}

/// Reads bytes in every way in which an answer may be read; gives how many ways succeeded.
fn read_as_an_answer(body: &[u8]) -> usize {
    fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> bool {
        match read_answer::<T>(body, 1) {
            Ok(_) => true,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }
    }
    let reply = Reply {
        status: 200,
        body,
        id: 1,
    };
    let placed = Placed::read(reply, "name", "1.1");
    let _ = (read_cancel(reply, "1"), read_update(reply, "1"));
    let names = Names {
        epochs: vec!["epoch".to_owned()],
    };
    if let Ok(list) = read_answer::<CurrentOrders>(body, 1) {
        let _ = list
            .current_orders
            .iter()
            .map(|bet| names.current(bet))
            .collect::<Vec<_>>();
    }
    if let Ok(list) = read_answer::<ClearedOrders>(body, 1) {
        for end in [
            BetStatus::Settled,
            BetStatus::Voided,
            BetStatus::Lapsed,
            BetStatus::Cancelled,
        ] {
            let _ = list
                .cleared_orders
                .iter()
                .map(|bet| names.cleared(end, bet))
                .collect::<Vec<_>>();
        }
    }
    [
        read::<CurrentOrders>(body),
        read::<ClearedOrders>(body),
        read::<AccountFunds>(body),
        read::<AccountDetails>(body),
        read::<Vec<MarketBook>>(body),
        read::<Vec<MarketCatalogue>>(body),
        read_identity(body).is_ok(),
        !matches!(placed, Placed::Doubted { .. }),
    ]
    .into_iter()
    .filter(|is_read| *is_read)
    .count()
}

/// Reads bytes in every way in which a line of the stream is read.
fn read_as_a_line(line: &[u8]) -> bool {
    let decoded = Decoder::new().decode(line).is_ok();
    let Ok(head) = Head::read(line) else {
        return false;
    };
    let names = Names::default();
    for market in head.oc.iter().flatten() {
        for runner in &market.orc {
            for bet in &runner.uo {
                let _ = names.streamed(&market.id, RunnerId::new(runner.id), bet);
            }
        }
    }
    decoded
}

#[test]
fn every_recorded_answer_is_read_or_refused_with_a_reason() {
    let answers = recorded("rest");
    let mut read = 0;
    for (_, body) in &answers {
        read += usize::from(read_as_an_answer(body) > 0);
    }
    assert!(
        answers.is_empty() || read >= 25,
        "{read} of {}",
        answers.len()
    );
}

#[test]
fn every_recorded_line_is_read() {
    let lines = recorded("stream");
    let messages = lines.iter().filter(|(_, line)| {
        let value: Value = serde_json::from_slice(line).unwrap();
        // A line of market changes without a time tells of the stream alone.
        ["connection", "status", "ocm"].contains(&value["op"].as_str().unwrap_or_default())
            || (value["op"] == "mcm" && value["pt"].is_i64())
    });
    let (mut read, mut refused) = (0, Vec::new());
    for (file, line) in messages {
        assert!(Head::read(line).is_ok(), "{}", file.display());
        match Decoder::new().decode(line) {
            Ok(_) => read += 1,
            Err(error) => refused.push(format!("{}: {error}", file.display())),
        }
        read_as_a_line(line);
    }
    assert!(
        lines.is_empty() || read > 40,
        "{read} lines, and {refused:?}"
    );
    // These were made by hand, with types that the exchange does not send; each is refused by the name of its field.
    let by_hand = [
        ("market_definition_racing.json", "eventTypeId: found 7"),
        ("mcm_RESUB_DELTA.json", "mc.rc.atb: found"),
        ("mcm_SUB_IMAGE.json", "runners.id: found \""),
        ("mcm_SUB_IMAGE_no_market_def.json", "runners.id: found \""),
        ("mcm_UPDATE_md.json", "runners.id: found \""),
    ];
    let is_known = |why: &String| {
        by_hand
            .iter()
            .any(|(file, field)| why.contains(file) && why.contains(field))
    };
    assert!(refused.iter().all(is_known), "{refused:?}");
}

/// A few bytes changed, left out, doubled or cut off.
fn mutilated(mut bytes: Vec<u8>, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    for (place, byte, how) in changes {
        if bytes.is_empty() {
            break;
        }
        let place = place % bytes.len();
        match how % 5 {
            0 => bytes[place] = *byte,
            1 => bytes.truncate(place),
            2 => drop(bytes.remove(place)),
            3 => bytes.insert(place, *byte),
            _ => {
                let end = (place + usize::from(*byte)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn mutilated_messages_upset_nobody(
        which: usize,
        changes in proptest::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        thread_local! {
            static ALL: Vec<Vec<u8>> = recorded("rest").into_iter().chain(recorded("stream")).map(|(_, bytes)| bytes).collect();
        }
        let bytes = ALL.with(|all| all.get(which % all.len().max(1)).cloned()).unwrap_or_default();
        let bytes = mutilated(bytes, &changes);
        let _ = (read_as_an_answer(&bytes), read_as_a_line(&bytes));
    }
}
