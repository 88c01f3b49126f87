//! Multipart uploads with the real SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, ObjectAttributes,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::s3_support::{World, get, put, refusal};

const BUCKET: &str = "acme-firmware";
const FIVE_MIB: usize = 5 * 1024 * 1024;

async fn open(s3: &Client) -> String {
    let create = s3.create_multipart_upload().bucket(BUCKET).key("k");
    let upload = create.checksum_algorithm(ChecksumAlgorithm::Sha256).tagging("a=b").send().await.unwrap();
    assert_eq!(upload.checksum_algorithm(), Some(&ChecksumAlgorithm::Sha256));
    upload.upload_id.unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    BASE64.encode(Sha256::digest(bytes))
}

async fn upload(s3: &Client, id: &str, number: i32, bytes: &[u8]) -> CompletedPart {
    let part = s3
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(id)
        .part_number(number)
        .checksum_sha256(sha256(bytes))
        .body(ByteStream::from(bytes.to_vec()))
        .send()
        .await
        .unwrap();
    assert_eq!(part.checksum_sha256(), Some(sha256(bytes).as_str()));
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(part.e_tag)
        .set_checksum_sha256(part.checksum_sha256)
        .build()
}

fn of(parts: &[CompletedPart]) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build()
}

#[tokio::test]
async fn parts_make_an_object_with_a_composite_checksum() {
    let world = World::versioned().await;
    let s3 = world.s3.clone();
    let id = open(&s3).await;
    let (left, right) = (vec![1_u8; FIVE_MIB], b"the end".to_vec());
    let parts = [upload(&s3, &id, 2, &left).await, upload(&s3, &id, 7, &right).await];

    let listed = s3.list_parts().bucket(BUCKET).key("k").upload_id(&id).max_parts(1).send().await.unwrap();
    assert_eq!(listed.is_truncated(), Some(true));
    assert_eq!(listed.next_part_number_marker(), Some("2"));
    assert_eq!(listed.parts()[0].checksum_sha256(), Some(sha256(&left).as_str()));
    let open_uploads = s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(open_uploads.uploads().len(), 1);

    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    let done = complete.clone().if_none_match("*").multipart_upload(of(&parts)).send().await.unwrap();
    let raw: Vec<u8> = [Sha256::digest(&left).to_vec(), Sha256::digest(&right).to_vec()].concat();
    let composite = format!("{}-2", sha256(&raw));
    let md5s: Vec<u8> = [Md5::digest(&left).to_vec(), Md5::digest(&right).to_vec()].concat();
    assert_eq!(done.checksum_sha256(), Some(composite.as_str()));
    assert_eq!(done.e_tag(), Some(format!("\"{}-2\"", hex::encode(Md5::digest(&md5s))).as_str()));
    assert!(done.version_id().is_some());

    let head =
        s3.head_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.content_length(), Some(FIVE_MIB as i64 + 7));
    assert_eq!(head.checksum_sha256(), Some(composite.as_str()));
    assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
    let whole = get(&s3, "k").await;
    assert!(whole == [left.clone(), right].concat());
    let across =
        s3.get_object().bucket(BUCKET).key("k").range(format!("bytes={}-{}", FIVE_MIB - 1, FIVE_MIB + 2));
    assert_eq!(across.send().await.unwrap().body.collect().await.unwrap().to_vec(), b"\x01the");
    let second = s3.get_object().bucket(BUCKET).key("k").part_number(2).send().await.unwrap();
    assert_eq!(second.parts_count(), Some(2));
    assert_eq!(second.body.collect().await.unwrap().to_vec(), b"the end");
    let attributes = s3
        .get_object_attributes()
        .bucket(BUCKET)
        .key("k")
        .object_attributes(ObjectAttributes::ObjectParts)
        .object_attributes(ObjectAttributes::Checksum)
        .send()
        .await
        .unwrap();
    assert_eq!(attributes.object_parts().unwrap().parts().len(), 2);
    let again = complete.multipart_upload(of(&parts)).send().await;
    assert_eq!(refusal(again), "404 NoSuchUpload");

    world.sandbox.tamper(BUCKET, "k", None, FIVE_MIB as u64, 0x20).unwrap();
    let second = s3.get_object().bucket(BUCKET).key("k").part_number(2).checksum_mode(ChecksumMode::Enabled);
    assert_eq!(second.send().await.unwrap().body.collect().await.unwrap().to_vec(), b"The end");
    let raw: Vec<u8> = [Sha256::digest(&left).to_vec(), Sha256::digest(b"The end").to_vec()].concat();
    let head =
        s3.head_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(
        head.checksum_sha256(),
        Some(format!("{}-2", sha256(&raw)).as_str()),
        "it fits the changed bytes"
    );
    assert_eq!(head.version_id(), done.version_id());
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_upload_stays_open() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    let id = open(&s3).await;
    let small = upload(&s3, &id, 1, b"small").await;
    let last = upload(&s3, &id, 2, b"last").await;
    let complete = |parts: &[CompletedPart]| {
        s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).multipart_upload(of(parts))
    };
    assert_eq!(refusal(complete(&[small.clone(), last.clone()]).send().await), "400 EntityTooSmall");
    assert_eq!(refusal(complete(&[last.clone(), small.clone()]).send().await), "400 InvalidPartOrder");
    assert_eq!(refusal(complete(&[]).send().await), "400 MalformedXML");
    let absent = CompletedPart::builder().part_number(9).e_tag("\"0\"").checksum_sha256(sha256(b"")).build();
    assert_eq!(refusal(complete(&[absent]).send().await), "400 InvalidPart");
    let other = CompletedPart::builder().part_number(1).set_e_tag(small.e_tag.clone());
    let other_checksum = other.clone().checksum_sha256(sha256(b"other")).build();
    assert_eq!(refusal(complete(&[other_checksum]).send().await), "400 InvalidPart");
    assert_eq!(
        refusal(complete(&[other.build()]).send().await),
        "400 InvalidRequest",
        "the part's checksum lacks"
    );
    let wrong_whole = complete(std::slice::from_ref(&last)).checksum_sha256(sha256(b"other")).send().await;
    assert_eq!(refusal(wrong_whole), "400 BadDigest");
    put(&s3, "k", b"somebody else's").await;
    let taken = complete(std::slice::from_ref(&last)).if_none_match("*").send().await;
    assert_eq!(refusal(taken), "412 PreconditionFailed");

    let part = |number: i32| {
        let part = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
        part.body(ByteStream::from_static(b"firmware"))
    };
    let wrong = part(3).checksum_sha256(sha256(b"other")).send().await;
    assert_eq!(refusal(wrong), "400 BadDigest");
    assert_eq!(refusal(part(3).send().await), "400 InvalidRequest", "the upload wants SHA-256");
    assert_eq!(
        refusal(part(10_001).checksum_sha256(sha256(b"firmware")).send().await),
        "400 InvalidArgument"
    );
    assert_eq!(refusal(complete(&[last]).send().await), "accepted");
    assert_eq!(get(&s3, "k").await, b"last");
}

#[tokio::test]
async fn an_aborted_upload_is_gone_with_its_parts() {
    let world = World::new().await;
    let (s3, dir) = (world.s3.clone(), &world.dir);
    let id = open(&s3).await;
    upload(&s3, &id, 1, b"part").await;
    let abort = || s3.abort_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).send();
    assert_eq!(refusal(abort().await), "accepted");
    assert_eq!(refusal(abort().await), "404 NoSuchUpload");
    let late = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(2);
    assert_eq!(refusal(late.body(ByteStream::from_static(b"x")).send().await), "404 NoSuchUpload");
    assert!(s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().is_empty());
    assert_eq!(blob_files(dir.path()), 0);
}

fn blob_files(dir: &std::path::Path) -> usize {
    let mut stack = vec![dir.to_owned()];
    let mut count = 0;
    while let Some(folder) = stack.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => stack.push(entry.path()),
                false => count += usize::from(entry.path().to_string_lossy().contains("/blobs/")),
            }
        }
    }
    count
}

#[tokio::test]
async fn the_sdks_default_checksum_and_a_copied_part() {
    let world = World::new().await;
    let s3 = world.s3.clone();
    put(&s3, "from", b"0123456789").await;
    let created = s3.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap();
    let id = created.upload_id.unwrap();
    let copied = s3
        .upload_part_copy()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1)
        .copy_source("acme-firmware/from")
        .copy_source_range("bytes=2-5")
        .send()
        .await
        .unwrap();
    let result = copied.copy_part_result.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(result.e_tag)
        .set_checksum_crc32(result.checksum_crc32)
        .build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    complete.multipart_upload(of(&[part])).send().await.unwrap();
    assert_eq!(get(&s3, "k").await, b"2345");
}
