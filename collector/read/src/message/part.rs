//! Parts of messages: those of the GenAI conventions, and what others call the same.

use serde_json::{Map, Value as Json};
use treering_step::{Media, Part};

use crate::decode::{inner, is_void, is_withheld};

type Object = Map<String, Json>;

/// The parts of a content: a text, one part, or a list of them. What says nothing is left out.
pub(crate) fn parts(content: &Json) -> Vec<Part> {
    match content {
        Json::Array(items) => items.iter().flat_map(parts).collect(),
        Json::Object(object) => of_object(object),
        Json::String(said) => text(said).into_iter().collect(),
        Json::Null => Vec::new(),
        other => vec![Part::Text { content: other.to_string() }],
    }
}

/// The texts of a list of parts, where it holds nothing but texts.
pub(crate) fn joined_text(parts: &[Part]) -> Option<String> {
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| match part {
            Part::Text { content } => Some(content.as_str()),
            _ => None,
        })
        .collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

fn of_object(object: &Object) -> Vec<Part> {
    // OpenInference packs each part once more, with a tool call beside it.
    if let Some(packed) = object.get("message_content").and_then(Json::as_object) {
        let call = object.get("tool_call").and_then(tool_call);
        return call.map_or_else(|| of_object(packed), |call| vec![call]);
    }
    match string(object, &["type"]) {
        Some("message") => object.get("content").map(parts).unwrap_or_default(),
        Some(kind) => typed(kind, object).into_iter().collect(),
        None => untyped(object).into_iter().collect(),
    }
}

fn typed(kind: &str, object: &Object) -> Option<Part> {
    match kind {
        "text" | "input_text" | "output_text" | "refusal" => {
            text(string(object, &["content", "text", "refusal"])?)
        }
        "reasoning" | "thinking" | "redacted_thinking" | "summary_text" => reasoning(object),
        "reasoningContent" => reasoning_content(nested(object, &["content", "reasoningContent"])?),
        "tool_call" | "tool_use" | "tool-call" | "toolUse" | "function_call" => call(object),
        "tool_call_response" | "tool_result" | "tool-result" | "toolResult" | "function_call_output" => {
            Some(result(object))
        }
        "image" | "image_url" | "image-url" | "input_image" => Some(Part::Image(media(object, "image"))),
        "audio" | "input_audio" | "audio-url" => Some(Part::Audio(media(object, "audio"))),
        "video" | "video_url" | "video-url" => Some(Part::Video(media(object, "video"))),
        "blob" | "uri" | "file" | "input_file" | "document" | "document-url" | "binary" => {
            Some(by_modality(object))
        }
        _ => Some(other(object)),
    }
}

/// Parts of Bedrock, Gemini and Genkit, which say what they are by the name of their only field.
fn untyped(object: &Object) -> Option<Part> {
    if let Some(said) = string(object, &["text", "content"]) {
        let is_thought = object.get("thought") == Some(&Json::Bool(true));
        return if is_thought { thought(said) } else { text(said) };
    }
    if let Some(used) = nested(object, &["toolUse", "functionCall", "function_call", "toolRequest"]) {
        return call(used);
    }
    if let Some(answered) =
        nested(object, &["toolResult", "functionResponse", "function_response", "toolResponse"])
    {
        return Some(result(answered));
    }
    if let Some(thinking) = nested(object, &["reasoningContent"]) {
        return reasoning_content(thinking);
    }
    if object.contains_key("reasoning") {
        return reasoning(object);
    }
    if nested(object, &["inlineData", "inline_data", "fileData", "file_data"]).is_some() {
        return Some(by_modality(object));
    }
    Some(other(object))
}

fn text(said: &str) -> Option<Part> {
    (!said.is_empty() && !is_withheld(said)).then(|| Part::Text { content: said.to_owned() })
}

fn thought(said: &str) -> Option<Part> {
    (!said.is_empty() && !is_withheld(said)).then(|| Part::Reasoning { content: said.to_owned() })
}

fn reasoning(object: &Object) -> Option<Part> {
    if let Some(said) = string(object, &["content", "text", "thinking", "reasoning"]) {
        return thought(said);
    }
    let pieces = ["summary", "content"].iter().find_map(|key| object.get(*key)?.as_array());
    let said: Vec<&str> = pieces?.iter().filter_map(|piece| piece.get("text")?.as_str()).collect();
    thought(&said.join("\n"))
}

/// The thoughts of a model as Bedrock wraps them.
fn reasoning_content(object: &Object) -> Option<Part> {
    reasoning(nested(object, &["reasoningText"]).unwrap_or(object))
}

/// A call of a tool, whatever wraps it. `None` where it names none.
pub(crate) fn tool_call(value: &Json) -> Option<Part> {
    let object = value.as_object()?;
    call(nested(object, &["tool_call"]).unwrap_or(object))
}

fn call(object: &Object) -> Option<Part> {
    let function = nested(object, &["function"]).unwrap_or(object);
    let name = string(function, &["name", "toolName", "tool_name"])?.to_owned();
    let arguments = ["arguments", "input", "args"].iter().find_map(|key| function.get(*key));
    let arguments = arguments.map(inner).filter(|value| !is_void(value)).unwrap_or_default();
    Some(Part::ToolCall { id: call_id(object, CALL_IDS), name, arguments })
}

/// The conventions say `response`; their own examples and Pydantic AI say `result`.
fn result(object: &Object) -> Part {
    let answered = ["response", "result", "output", "content"].iter().find_map(|key| object.get(*key));
    let name = string(object, &["name", "toolName", "tool_name"]).map(str::to_owned);
    Part::ToolResult {
        id: call_id(object, RESULT_IDS),
        name,
        result: answered.map(result_value).unwrap_or_default(),
    }
}

/// A list of texts is the text that it holds; anything else stays what it is.
pub(crate) fn result_value(value: &Json) -> Json {
    one_text(value).unwrap_or_else(|| formless(inner(value)))
}

/// The same for a value that is decoded already: one round more would read what a person wrote.
pub(crate) fn decoded_result(value: Json) -> Json {
    one_text(&value).unwrap_or_else(|| formless(value))
}

fn one_text(value: &Json) -> Option<Json> {
    value.as_array().and_then(|_| joined_text(&parts(value))).map(Json::from)
}

/// The AI SDK says beside an answer which form it has: `json`, `text`, `error-text` and so on.
fn formless(mut answer: Json) -> Json {
    let object = answer.as_object_mut().filter(|object| object.len() == 2);
    let named = object.filter(|object| string(object, &["type"]).is_some());
    let value = named.and_then(|object| object.get_mut("value")).map(Json::take);
    value.unwrap_or(answer)
}

/// The call's own id before that of the item: OpenAI's Responses API gives each item one of its own.
const CALL_IDS: &[&str] = &["call_id", "toolUseId", "toolCallId", "tool_call_id", "id", "ref"];
const RESULT_IDS: &[&str] =
    &["call_id", "tool_use_id", "toolUseId", "toolCallId", "tool_call_id", "id", "ref"];

fn call_id(object: &Object, keys: &[&str]) -> Option<String> {
    string(object, keys).map(str::to_owned)
}

fn by_modality(object: &Object) -> Part {
    let media = media(object, "document");
    let kind = media.mime_type.as_deref().and_then(|mime| mime.split('/').next());
    match string(object, &["modality"]).or(kind) {
        Some("image") => Part::Image(media),
        Some("audio") => Part::Audio(media),
        Some("video") => Part::Video(media),
        _ => Part::File(media),
    }
}

/// Where the bytes are: in the part, or one or two levels below it, under the names of everybody.
fn media(object: &Object, name: &str) -> Media {
    let wrappers =
        [name, "image_url", "video_url", "input_audio", "source", "file", "inlineData", "inline_data"];
    let below = nested(object, &wrappers).or_else(|| nested(object, &["fileData", "file_data", "document"]));
    let holder = below.map_or(object, |below| nested(below, &wrappers).unwrap_or(below));
    let outer = |keys: &[&str]| string(holder, keys).or_else(|| string(object, keys)).map(str::to_owned);
    let mut media = Media {
        mime_type: outer(&["mime_type", "mimeType", "media_type", "mediaType"]),
        uri: outer(&["uri", "url", "image_url", "file_id", "fileUri", "file_uri", "image"]),
        data: outer(&["data", "content", "file_data"]),
    };
    if let Some((mime_type, data)) = media.uri.as_deref().and_then(data_uri) {
        media = Media { mime_type: Some(mime_type), uri: None, data: Some(data) };
    }
    media
}

fn data_uri(uri: &str) -> Option<(String, String)> {
    let (mime_type, data) = uri.strip_prefix("data:")?.split_once(";base64,")?;
    Some((mime_type.to_owned(), data.to_owned()))
}

/// A part of a type that nobody here knows stays as it came.
fn other(object: &Object) -> Part {
    Part::Other { value: Json::Object(object.clone()) }
}

fn string<'a>(object: &'a Object, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| object.get(*key)?.as_str()).filter(|text| !text.is_empty())
}

fn nested<'a>(object: &'a Object, keys: &[&str]) -> Option<&'a Object> {
    keys.iter().find_map(|key| object.get(*key)?.as_object())
}
