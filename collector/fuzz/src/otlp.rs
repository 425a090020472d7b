//! What must hold for any request, in protobuf and in JSON: what is taken is an export and stays one, nothing in it
//! escapes the rules, and the published types read the same in it.

use serde_json::{Value as Json, json};
use treering_otlp::{Assembly, Edit, Export, Signal};

#[path = "published.rs"]
mod published;

const SIGNALS: [Signal; 2] = [Signal::Traces, Signal::Logs];

/// Any bytes as protobuf.
pub fn protobuf(bytes: &[u8]) {
    for signal in SIGNALS {
        let Ok(export) = Export::from_protobuf(signal, bytes.to_vec()) else { continue };
        assert!(!export.is_whole() || export.as_bytes() == bytes, "what is whole is what came");
        assert_eq!(export.rejected().count == 0, export.rejected().reason.is_none());
        holds(&export);
    }
}

/// Any bytes as JSON.
pub fn json(bytes: &[u8]) {
    for signal in SIGNALS {
        let export = Export::from_json(signal, bytes);
        if let Ok(export) = &export {
            holds(export);
        }
        published::json(signal, bytes, export);
    }
}

fn holds(export: &Export) {
    is_an_export(export);
    every_text_can_be_replaced(export);
    every_number_can_be_replaced(export);
    survives_json(export);
    published::protobuf(export);
}

fn again(export: &Export) -> Export {
    Export::from_protobuf(export.signal(), export.as_bytes().to_vec()).expect("what was taken is taken again")
}

fn is_an_export(export: &Export) {
    let again = again(export);
    assert!(again.is_whole(), "what was taken is taken whole");
    assert_eq!(again.as_bytes(), export.as_bytes());
    assert_eq!(again.records_count(), export.records_count());
    assert_eq!(export.records().len(), export.records_count());
    assert_eq!(texts(&again), texts(export));
}

fn texts(export: &Export) -> Vec<(usize, String, Option<String>)> {
    let text =
        |text: treering_otlp::Text<'_>| (text.start, text.text.into_owned(), text.key.map(str::to_owned));
    export.texts().map(text).collect()
}

fn every_text_can_be_replaced(export: &Export) {
    for replacement in ["", "[REDACTED:EMAIL]", &"long".repeat(100)] {
        let edits: Vec<_> = export
            .texts()
            .map(|text| Edit {
                start: text.start,
                end: text.start + text.text.len(),
                replacement: replacement.to_owned().into(),
            })
            .collect();
        assert!(edits.windows(2).all(|pair| pair[0].end <= pair[1].start), "texts stand in order");
        let edited = again(export).with_edits(&edits).expect("every text can be replaced");
        assert_eq!(edited.records_count(), export.records_count());
        let left: Vec<_> = edited.texts().map(|text| text.text.into_owned()).collect();
        let expected = if replacement.is_empty() { 0 } else { edits.len() };
        assert_eq!(left, vec![replacement; expected]);
        is_an_export(&edited);
    }
}

fn every_number_can_be_replaced(export: &Export) {
    let edit = |number: treering_otlp::Number| Edit {
        start: number.start,
        end: number.end,
        replacement: "[REDACTED:CREDIT_CARD]".into(),
    };
    let edits: Vec<_> = export.numbers().map(edit).collect();
    let edited = again(export).with_edits(&edits).expect("every number can be replaced");
    assert_eq!(edited.numbers().count(), 0);
    assert_eq!(edited.texts().count(), export.texts().count() + edits.len());
    is_an_export(&edited);
}

/// What is given away as JSON is taken back and says the same. From then on it is the same JSON: two contexts that
/// only differ in how protobuf wrote them are one.
fn survives_json(export: &Export) {
    let given = to_json(export);
    let back = taken_back(export, &given);
    assert_eq!(published::readings(&back), published::readings(export), "{given}");
    let given = to_json(&back);
    assert_eq!(to_json(&taken_back(export, &given)), given);
}

fn taken_back(export: &Export, given: &Json) -> Export {
    let back =
        Export::from_json(export.signal(), given.to_string().as_bytes()).expect("our own JSON is taken");
    assert_eq!(back.rejected().count, 0, "our own JSON is good: {given}");
    assert_eq!(back.records_count(), export.records_count());
    back
}

fn to_json(export: &Export) -> Json {
    let records = export.records();
    let mut assembly = Assembly::new(export.signal());
    records.iter().for_each(|(context, record)| assembly.add(context, record));
    match export.signal() {
        Signal::Traces => json!({"resourceSpans": assembly.to_json()}),
        Signal::Logs => json!({"resourceLogs": assembly.to_json()}),
    }
}
