//! CBOR (RFC 8949) as Smithy's RPC v2 protocol has it, to and from the JSON values that services work with.
//!
//! Times are numbers in JSON and have the tag 1 in CBOR: CloudWatch, the one service that speaks it here, calls all
//! its times `…Timestamp` or `…Timestamps` in answers.

use bytes::Bytes;
use minicbor::data::{IanaTag, Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

/// How deep documents may be nested; CloudWatch's are six deep at most.
const MAX_DEPTH: usize = 16;

/// Reads a document; `None` if it is none, or not one that JSON can hold.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let mut decoder = Decoder::new(bytes);
    let value = value(&mut decoder, MAX_DEPTH)?;
    (decoder.position() == bytes.len()).then_some(value)
}

fn value(decoder: &mut Decoder<'_>, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match decoder.datatype().ok()? {
        Type::Bool => decoder.bool().ok().map(Value::from),
        Type::Null | Type::Undefined => decoder.skip().ok().map(|()| Value::Null),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().ok().map(Value::from),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => decoder.i64().ok().map(Value::from),
        Type::F16 => decoder.f16().ok().and_then(|float| number(f64::from(float))),
        Type::F32 => decoder.f32().ok().and_then(|float| number(f64::from(float))),
        Type::F64 => decoder.f64().ok().and_then(number),
        Type::String | Type::StringIndef => text(decoder).map(Value::from),
        Type::Array | Type::ArrayIndef => array(decoder, depth),
        Type::Map | Type::MapIndef => map(decoder, depth),
        Type::Tag => {
            decoder.tag().ok()?;
            value(decoder, depth)
        }
        _ => None,
    }
}

fn number(float: f64) -> Option<Value> {
    Number::from_f64(float).map(Value::Number)
}

fn text(decoder: &mut Decoder<'_>) -> Option<String> {
    decoder.str_iter().ok()?.collect::<Result<String, _>>().ok()
}

fn array(decoder: &mut Decoder<'_>, depth: usize) -> Option<Value> {
    let length = decoder.array().ok()?;
    let mut items = Vec::new();
    // A length is only believed as items come.
    while more(decoder, length, items.len())? {
        items.push(value(decoder, depth)?);
    }
    Some(Value::Array(items))
}

fn map(decoder: &mut Decoder<'_>, depth: usize) -> Option<Value> {
    let length = decoder.map().ok()?;
    let (mut map, mut seen) = (Map::new(), 0);
    while more(decoder, length, seen)? {
        let key = text(decoder)?;
        map.insert(key, value(decoder, depth)?);
        seen += 1;
    }
    Some(Value::Object(map))
}

/// Whether there is another item; the end of a list without a length is taken off.
fn more(decoder: &mut Decoder<'_>, length: Option<u64>, seen: usize) -> Option<bool> {
    if let Some(length) = length {
        return Some(u64::try_from(seen).ok()? < length);
    }
    match decoder.datatype().ok()? {
        Type::Break => decoder.skip().ok().map(|()| false),
        _ => Some(true),
    }
}

/// Writes a document.
pub(crate) fn write(value: &Value) -> Bytes {
    let mut encoder = Encoder::new(Vec::new());
    // A vector takes everything: there is no error to have.
    let _: Result<(), _> = put(&mut encoder, value, false);
    Bytes::from(encoder.into_writer())
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn put(encoder: &mut Encoder<Vec<u8>>, value: &Value, is_time: bool) -> Written {
    match value {
        Value::Null => encoder.null()?,
        Value::Bool(value) => encoder.bool(*value)?,
        Value::Number(number) => return put_number(encoder, number, is_time),
        Value::String(text) => encoder.str(text)?,
        Value::Array(items) => {
            encoder.array(items.len() as u64)?;
            return items.iter().try_for_each(|item| put(encoder, item, is_time));
        }
        Value::Object(map) => {
            encoder.map(map.len() as u64)?;
            for (key, value) in map {
                encoder.str(key)?;
                put(encoder, value, key.ends_with("Timestamp") || key.ends_with("Timestamps"))?;
            }
            return Ok(());
        }
    };
    Ok(())
}

fn put_number(encoder: &mut Encoder<Vec<u8>>, number: &Number, is_time: bool) -> Written {
    if is_time {
        encoder.tag(Tag::from(IanaTag::Timestamp))?;
        encoder.f64(number.as_f64().unwrap_or_default())?;
    } else if let Some(integer) = number.as_i64() {
        encoder.i64(integer)?;
    } else {
        encoder.f64(number.as_f64().unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let document = json!({"a": [1, -2, 0.5, true, null, "é"], "Timestamp": 1.5, "b": {"c": {}}});
        assert_eq!(read(&write(&document)), Some(document));
    }

    #[test]
    fn lists_without_a_length_are_read() {
        // {_ "a": [_ 1, 2], "b": (_ "x", "y")}
        let bytes = b"\xbf\x61a\x9f\x01\x02\xff\x61b\x7f\x61x\x61y\xff\xff";
        assert_eq!(read(bytes), Some(json!({"a": [1, 2], "b": "xy"})));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = [b"\x81".repeat(100), b"\x01".to_vec()].concat();
        // An array of 2^62 items that has none; a key that is no text; bytes behind the end; a length cut off.
        let broken: [&[u8]; 6] =
            [b"", b"\x9b\x40\0\0\0\0\0\0\0", b"\xa1\x01\x01", b"\x01\x01", b"\x9b\x40", &deep];
        for bytes in broken {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
